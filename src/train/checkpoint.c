#include "train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/processes.h"
#include "base/progress.h"
#include "base/safetensors.h"
#include "config/config_keys.h"
#include "config/corpora.h"
#include "model/model_file.h"
#include "train/checkpoint_folder.h"
#include "train/moments_file.h"
#include "train/resume_check.h"
#include "train/solver_batch.h"
#include "train/stored_posteriors.h"

enum { MODEL, OPTIMIZER, TOKENIZER, EMA, POSTERIORS, SOLVER, FILES };
static const char *const files[FILES] = {"model.safetensors", "optimizer.safetensors",  "tokenizer.model",
                                         "ema.safetensors",   "posteriors.safetensors", "solver.safetensors"};

static ltm_status checkpoints_folder(char *folder, size_t size, const char *run, struct ltm_error *error) {
    return path_join(folder, size, run, "checkpoints", error);
}

/* ---- Writing ---- */

/* The model; nothing of the other processes is needed for it. */
static ltm_status begin_folder(const char *folder, const struct decoder *decoder, const struct optimiser *optimiser,
                               const struct ltm_config *config, const struct checkpoint_state *state,
                               const char *digest, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    if (folder_exists(folder)) TRY(folder_remove(folder, error));
    TRY(folder_create(folder, error));
    TRY(path_join(path, sizeof path, folder, files[MODEL], error));
    TRY(model_file_write(path, decoder, config, state->step, digest, error));
    if (optimiser->posteriors) {
        TRY(path_join(path, sizeof path, folder, files[POSTERIORS], error));
        TRY(stored_posteriors_write(optimiser->posteriors, path, error));
    }
    if (optimiser->solver) {
        TRY(path_join(path, sizeof path, folder, files[SOLVER], error));
        TRY(solver_batch_write(optimiser->solver, path, error));
    }
    if (!optimiser->average) return LTM_OK;
    TRY(path_join(path, sizeof path, folder, files[EMA], error));
    TRY(model_file_write_weights(path, optimiser->average, &decoder->plan.table, config, state->step, digest, error));
cleanup:
    return status;
}

static ltm_status end_folder(const char *folder, const struct checkpoint_state *state, const char *tokenizer,
                             struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    if (tokenizer) {
        PASS_UP(path_join(path, sizeof path, folder, files[TOKENIZER], error));
        PASS_UP(file_copy(tokenizer, path, error));
    }
    PASS_UP(checkpoint_state_write(folder, state, files, FILES, error));
    return folder_sync(folder, error);
}

/* Rename a whole draft into place and let the links follow. */
static ltm_status install(const char *checkpoints, const char *draft, const struct checkpoint_state *state,
                          const struct ltm_config *config, struct ltm_error *error) {
    char final[LTM_PATH_MAX];
    char name[CHECKPOINT_NAME];
    checkpoint_step_name(name, state->step);
    PASS_UP(path_join(final, sizeof final, checkpoints, name, error));
    if (folder_exists(final)) PASS_UP(folder_remove(final, error)); /* a damaged one that a resume passed over */
    if (rename(draft, final) != 0) return fail(error, LTM_IO, "cannot rename %s to %s: %m", draft, final);
    return checkpoint_folder_tidy(checkpoints, state, config, error);
}

/* Process 0's work. Once the paths are known it takes the others' moments, whatever fails: they are already sending. */
static ltm_status write_all(const char *run, const struct decoder *decoder, const struct optimiser *optimiser,
                            const struct ltm_config *config, const struct checkpoint_state *state,
                            const char *tokenizer, const char *digest, struct ltm_error *error) {
    char checkpoints[LTM_PATH_MAX];
    char draft[LTM_PATH_MAX];
    char path[LTM_PATH_MAX];
    char name[CHECKPOINT_NAME];
    char hidden[CHECKPOINT_NAME + 1];
    struct ltm_error second;
    checkpoint_step_name(name, state->step);
    snprintf(hidden, sizeof hidden, ".%s", name);
    ltm_status status = checkpoints_folder(checkpoints, sizeof checkpoints, run, error);
    if (status == LTM_OK) status = path_join(draft, sizeof draft, checkpoints, hidden, error);
    if (status == LTM_OK) status = path_join(path, sizeof path, draft, files[OPTIMIZER], error);
    const bool named = status == LTM_OK;
    if (named) status = begin_folder(draft, decoder, optimiser, config, state, digest, error);
    if (status == LTM_OK)
        status = moments_write(path, optimiser, &decoder->plan.table, error);
    else
        moments_write(NULL, optimiser, &decoder->plan.table, &second);
    if (status == LTM_OK) status = end_folder(draft, state, tokenizer, error);
    if (status == LTM_OK) return install(checkpoints, draft, state, config, error);
    if (named) folder_remove(draft, NULL);
    return status;
}

ltm_status checkpoint_write(const char *run, const struct decoder *decoder, const struct optimiser *optimiser,
                            const struct ltm_config *config, const struct checkpoint_state *state,
                            const char *tokenizer, const char *digest, struct ltm_error *error) {
    const ltm_status status = processes_rank() == 0
                                  ? write_all(run, decoder, optimiser, config, state, tokenizer, digest, error)
                                  : moments_write(NULL, optimiser, &decoder->plan.table, error);
    return processes_agree(status, error);
}

/* ---- Reading ---- */

static ltm_status verify(const json_t *root, const char *folder, bool all, struct ltm_error *error) {
    for (int i = 0; i < FILES; i++) {
        if ((i == OPTIMIZER || i == POSTERIORS) && !all) continue;
        char path[LTM_PATH_MAX];
        char hex[17];
        const char *expected = checkpoint_state_sum(root, files[i]);
        PASS_UP(path_join(path, sizeof path, folder, files[i], error));
        const bool wanted = i == EMA         ? json_is_true(json_object_get(root, "averaged"))
                            : i == OPTIMIZER ? !json_is_true(json_object_get(root, "weights_only"))
                                             : i == MODEL;
        if (!expected && wanted)
            return fail(error, LTM_CORRUPT, "%s/state.json lacks the checksum of %s", folder, files[i]);
        if (!expected) continue;
        PASS_UP(checksum_file(hex, path, error));
        if (strcmp(hex, expected) != 0)
            return fail(error, LTM_CORRUPT, "%s is damaged: its checksum is %s, not %s as when it was written", path,
                        hex, expected);
    }
    return LTM_OK;
}

ltm_status checkpoint_served(char *file, size_t size, const char *folder, struct ltm_error *error) {
    json_t *root;
    ltm_status status = checkpoint_state_read(&root, folder, error);
    if (status == LTM_OK)
        status =
            path_join(file, size, folder, files[json_is_true(json_object_get(root, "averaged")) ? EMA : MODEL], error);
    json_decref(root);
    return status;
}

ltm_status checkpoint_verify(const char *folder, bool all, struct ltm_error *error) {
    json_t *root;
    ltm_status status = checkpoint_state_read(&root, folder, error);
    if (status == LTM_OK) status = verify(root, folder, all, error);
    json_decref(root);
    return status;
}

static ltm_status check_corpus(const json_t *root, const struct ltm_config *config,
                               const struct checkpoint_state *state, struct ltm_error *error) {
    const char *was = json_string_value(json_object_get(root, "corpus"));
    if (was && strcmp(was, state->corpus) == 0) return LTM_OK;
    return fail(error, LTM_MISMATCH,
                "the run in %s began with a corpus other than the present %.300s (other tokens, shares "
                "or tokenizer); restore that corpus to resume, or set another run.dir to start over",
                config->run.dir, corpora_text(config));
}

/* Weights and state, each whole by itself, are of one step, and that one has a place in the data. */
static ltm_status check_step(const json_t *root, const struct safetensors *weights, const struct ltm_config *config,
                             const char *folder, struct ltm_error *error) {
    const int64_t step = json_integer_value(json_object_get(root, "step"));
    const char *written = safetensors_metadata(weights, "step");
    if (!written || strtoll(written, NULL, 10) != step)
        return fail(error, LTM_CORRUPT, "%s is damaged: state.json says step %lld, and model.safetensors %s", folder,
                    (long long)step, written ? written : "none");
    if ((double)step * config->slow.batch * config->model.sequence <= RUN_TOKENS_MOST) return LTM_OK;
    return fail(error, LTM_CORRUPT, "%s is damaged: %lld is not a valid step", folder, (long long)step);
}

/* Read what is whole and belongs to this run: weights and moments are copied only after every checksum has been found right. *shorter
 * becomes what run.tokens was, where nothing but its rise stands against that; else 0. */
static ltm_status read_folder(const char *folder, struct decoder *decoder, struct optimiser *optimiser,
                              const struct ltm_config *config, struct checkpoint_state *state, int64_t *shorter,
                              struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    struct ltm_config before;
    bool decayed;
    json_t *root = NULL;
    struct safetensors *weights = NULL;
    struct safetensors *moments = NULL;
    struct safetensors *average = NULL;
    *shorter = 0;
    TRY(checkpoint_state_read(&root, folder, error));
    TRY(verify(root, folder, true, error));
    TRY(path_join(path, sizeof path, folder, files[MODEL], error));
    TRY(safetensors_open(&weights, path, error));
    TRY(model_file_config(&before, weights, path, error));
    status = resume_check(&before, config, json_integer_value(json_object_get(root, "step")), &decayed, error);
    if (decayed && before.run.tokens < config->run.tokens) *shorter = before.run.tokens;
    TRY(status);
    TRY(check_step(root, weights, config, folder, error));
    TRY(check_corpus(root, config, state, error));
    TRY(path_join(path, sizeof path, folder, files[OPTIMIZER], error));
    TRY(safetensors_open(&moments, path, error));
    if (optimiser->average) {
        TRY(path_join(path, sizeof path, folder, files[EMA], error));
        TRY(safetensors_open(&average, path, error));
        TRY(weights_read(optimiser->average, &decoder->plan.table, "", average, error));
    }
    if (optimiser->posteriors) {
        TRY(path_join(path, sizeof path, folder, files[POSTERIORS], error));
        TRY(stored_posteriors_read(optimiser->posteriors, path, error));
    }
    if (optimiser->solver) {
        TRY(path_join(path, sizeof path, folder, files[SOLVER], error));
        TRY(solver_batch_read(optimiser->solver, path, error));
    }
    TRY(weights_read(decoder->weights, &decoder->plan.table, "", weights, error));
    TRY(moments_read(optimiser, &decoder->plan.table, moments, error));
    checkpoint_state_take(state, root);
    optimiser->count = state->step;
    optimiser->skipped = state->skipped;
cleanup:
    json_decref(root);
    safetensors_close(weights);
    safetensors_close(average);
    safetensors_close(moments);
    return status;
}

/* `folder` gets the one that was read. */
static ltm_status read_newest(char folder[LTM_PATH_MAX], const char *run, struct decoder *decoder,
                              struct optimiser *optimiser, const struct ltm_config *config,
                              struct checkpoint_state *state, const struct ltm_watch *watch, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char checkpoints[LTM_PATH_MAX];
    char **names = NULL;
    size_t count = 0;
    bool passed_over = false;
    int64_t tokens = 0; /* run.tokens of the newest, where a longer run cannot go on from that */
    struct ltm_error why = {0};
    struct ltm_error longer;
    TRY(checkpoints_folder(checkpoints, sizeof checkpoints, run, error));
    if (!folder_exists(checkpoints)) return LTM_OK;
    TRY(folder_list(&names, &count, checkpoints, error));
    for (size_t i = count; i-- > 0;) { /* names are sorted, and steps have leading zeros */
        int64_t shorter;
        if (checkpoint_step_of(names[i]) < 0) continue;
        TRY(path_join(folder, LTM_PATH_MAX, checkpoints, names[i], error));
        status = read_folder(folder, decoder, optimiser, config, state, &shorter, &why);
        if (shorter) {
            if (!tokens) longer = why;
            if (!tokens) tokens = shorter;
            continue;
        }
        if (status == LTM_OK && tokens) status = checkpoint_folder_go_back(run, tokens, config, state, watch, &why);
        if (status == LTM_OK) status = checkpoint_folder_tidy(checkpoints, state, config, &why);
        if (status != LTM_CORRUPT && status != LTM_IO) {
            if (status != LTM_OK) fail_with(error, &why);
            goto cleanup;
        }
        passed_over = true;
        watch_message(watch, "%s; trying the checkpoint before it", why.message);
    }
    if (tokens)
        status = fail_with(error, &longer);
    else if (passed_over)
        status = fail(error, LTM_CORRUPT, "no intact checkpoint in %s; remove the folder to start over", checkpoints);
cleanup:
    folder_list_free(names, count);
    return status;
}

/* What process 0 has read, to the others. */
static ltm_status spread(const char *folder, struct decoder *decoder, struct optimiser *optimiser,
                         struct checkpoint_state *state, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    struct safetensors *moments = NULL;
    TRY(processes_broadcast(state, sizeof *state, error));
    optimiser->count = state->step;
    optimiser->skipped = state->skipped;
    if (state->step == 0) return LTM_OK;
    TRY(processes_broadcast(decoder->weights, decoder->plan.table.size * sizeof(float), error));
    if (optimiser->average)
        TRY(processes_broadcast(optimiser->average, decoder->plan.table.size * sizeof(float), error));
    if (optimiser->posteriors) TRY(stored_posteriors_spread(optimiser->posteriors, error));
    if (optimiser->solver) TRY(solver_batch_spread(optimiser->solver, error));
    if (processes_rank() == 0) {
        status = path_join(path, sizeof path, folder, files[OPTIMIZER], error);
        if (status == LTM_OK) status = safetensors_open(&moments, path, error);
    }
    TRY(processes_agree(status, error));
    TRY(moments_spread(optimiser, &decoder->plan.table, moments, error));
cleanup:
    safetensors_close(moments);
    return status;
}

ltm_status checkpoint_read_newest(const char *run, struct decoder *decoder, struct optimiser *optimiser,
                                  const struct ltm_config *config, struct checkpoint_state *state,
                                  const struct ltm_watch *watch, struct ltm_error *error) {
    char folder[LTM_PATH_MAX];
    ltm_status status = LTM_OK;
    state->step = 0;
    state->best_bound = INFINITY;
    state->best_step = -1;
    if (processes_rank() == 0) status = read_newest(folder, run, decoder, optimiser, config, state, watch, error);
    status = processes_agree(status, error);
    if (status != LTM_OK || processes_count() == 1) return status;
    return spread(folder, decoder, optimiser, state, error);
}

ltm_status checkpoint_find(char *folder, size_t size, const char *path, struct ltm_error *error) {
    static const char *const candidates[] = {".", "checkpoints/best", "checkpoints/last", "best", "last"};
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        char file[LTM_PATH_MAX];
        ltm_status status =
            i == 0 ? (snprintf(folder, size, "%s", path), LTM_OK) : path_join(folder, size, path, candidates[i], error);
        if (status == LTM_OK) status = path_join(file, sizeof file, folder, "model.safetensors", error);
        if (status != LTM_OK) return status;
        if (file_exists(file)) return LTM_OK;
    }
    if (!folder_exists(path))
        return fail(error, LTM_IO, "there is no folder %s; give the folder of a checkpoint or a run", path);
    return fail(error, LTM_IO, "%s contains no checkpoint (no model.safetensors, no checkpoints/best); train first",
                path);
}
