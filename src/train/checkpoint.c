#include "train/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/processes.h"
#include "base/safetensors.h"
#include "model/model_file.h"
#include "train/moments_file.h"
#include "train/same_run.h"

enum { NAME_SIZE = 32 };

enum { MODEL, OPTIMIZER, TOKENIZER, FILES };
static const char *const files[FILES] = {"model.safetensors", "optimizer.safetensors", "tokenizer.model"};

static void step_name(char name[NAME_SIZE], int64_t step) { snprintf(name, NAME_SIZE, "step-%08" PRId64, step); }

/* The step that a folder's name says, or -1. */
static int64_t step_of(const char *name) {
    int64_t step;
    int end = 0;
    if (sscanf(name, "step-%" SCNd64 "%n", &step, &end) != 1 || name[end] != 0 || step < 0) return -1;
    return step;
}

static ltm_status checkpoints_folder(char *folder, size_t size, const char *run, struct ltm_error *error) {
    return path_join(folder, size, run, "checkpoints", error);
}

/* ---- Writing ---- */

static ltm_status write_state(const char *folder, const struct checkpoint_state *state, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX], hex[17], *text = NULL;
    json_t *root = json_object(), *sums = json_object();
    json_object_set_new(root, "format", json_string("ltm-1"));
    json_object_set_new(root, "step", json_integer(state->step));
    json_object_set_new(root, "seconds", json_real(state->seconds));
    if (isfinite(state->best_bound)) {
        json_object_set_new(root, "best_bound", json_real(state->best_bound));
        json_object_set_new(root, "best_step", json_integer(state->best_step));
    }
    json_object_set_new(root, "corpus", json_string(state->corpus));
    json_object_set_new(root, "log_bytes", json_integer(state->log_bytes));
    json_object_set_new(root, "skipped", json_integer(state->skipped));
    json_object_set_new(root, "skipped_in_a_row", json_integer(state->in_a_row));
    json_object_set_new(root, "diverged", json_integer(state->diverged));
    json_object_set_new(root, "spikes", json_integer(state->spikes));
    json_object_set_new(root, "loss_mean", json_real(state->loss.mean));
    json_object_set_new(root, "loss_variance", json_real(state->loss.variance));
    json_object_set_new(root, "loss_count", json_integer(state->loss.count));
    for (int i = 0; i < FILES; i++) {
        TRY(path_join(path, sizeof path, folder, files[i], error));
        if (!file_exists(path)) continue;
        TRY(checksum_file(hex, path, error));
        json_object_set_new(sums, files[i], json_string(hex));
    }
    json_object_set(root, "checksums", sums);
    text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    TRY(path_join(path, sizeof path, folder, "state.json", error));
    if (!text)
        status = fail_memory(error, 4096, "a checkpoint's state");
    else
        status = file_write_text(path, text, error);
cleanup:
    json_decref(sums);
    json_decref(root);
    free(text);
    return status;
}

/* The model; nothing of the other processes is needed for it. */
static ltm_status begin_folder(const char *folder, const struct decoder *decoder, const struct ltm_config *config,
                               const struct checkpoint_state *state, const char *digest, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    if (folder_exists(folder)) TRY(folder_remove(folder, error));
    TRY(folder_create(folder, error));
    TRY(path_join(path, sizeof path, folder, files[MODEL], error));
    TRY(model_file_write(path, decoder, config, state->step, digest, error));
cleanup:
    return status;
}

static ltm_status end_folder(const char *folder, const struct checkpoint_state *state, const char *tokenizer,
                             struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    if (tokenizer) {
        TRY(path_join(path, sizeof path, folder, files[TOKENIZER], error));
        TRY(file_copy(tokenizer, path, error));
    }
    TRY(write_state(folder, state, error));
    TRY(folder_sync(folder, error));
cleanup:
    return status;
}

/* Point the link checkpoints/NAME at a step's folder, in one step: a new link renamed over the old. */
static ltm_status point(const char *checkpoints, const char *name, const char *target, struct ltm_error *error) {
    char link[LTM_PATH_MAX], draft[LTM_PATH_MAX], hidden[NAME_SIZE];
    snprintf(hidden, sizeof hidden, ".%s", name);
    ltm_status status = path_join(link, sizeof link, checkpoints, name, error);
    if (status == LTM_OK) status = path_join(draft, sizeof draft, checkpoints, hidden, error);
    if (status != LTM_OK) return status;
    unlink(draft);
    if (symlink(target, draft) != 0 || rename(draft, link) != 0)
        return fail(error, LTM_IO, "cannot point %s at %s: %m", link, target);
    return LTM_OK;
}

/* Remove all checkpoints but the two newest and the best, and what a killed process left half made. */
static ltm_status prune(const char *checkpoints, const struct checkpoint_state *state, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char **names = NULL, path[LTM_PATH_MAX];
    size_t count = 0;
    int64_t before = -1;
    TRY(folder_list(&names, &count, checkpoints, error));
    for (size_t i = 0; i < count; i++) {
        const int64_t step = step_of(names[i]);
        if (step < state->step && step > before) before = step;
    }
    for (size_t i = 0; i < count; i++) {
        const int64_t step = step_of(names[i]);
        const bool old = step >= 0 && step < before && step != state->best_step;
        if (!old && strncmp(names[i], ".step-", 6) != 0) continue;
        TRY(path_join(path, sizeof path, checkpoints, names[i], error));
        TRY(folder_remove(path, error));
    }
cleanup:
    folder_list_free(names, count);
    return status;
}

/* Rename a whole draft into place and let the links follow. */
static ltm_status install(const char *checkpoints, const char *draft, const struct checkpoint_state *state,
                          struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char final[LTM_PATH_MAX], name[NAME_SIZE];
    step_name(name, state->step);
    TRY(path_join(final, sizeof final, checkpoints, name, error));
    if (folder_exists(final)) TRY(folder_remove(final, error)); /* a damaged one that a resume passed over */
    if (rename(draft, final) != 0) {
        status = fail(error, LTM_IO, "cannot rename %s to %s: %m", draft, final);
        goto cleanup;
    }
    TRY(point(checkpoints, "last", name, error));
    if (state->best_step == state->step) TRY(point(checkpoints, "best", name, error));
    TRY(folder_sync(checkpoints, error));
    TRY(prune(checkpoints, state, error));
cleanup:
    return status;
}

/* Process 0's work. Once the paths are known it takes the others' moments, whatever fails: they are already sending. */
static ltm_status write_all(const char *run, const struct decoder *decoder, const struct adamw *adam,
                            const struct ltm_config *config, const struct checkpoint_state *state,
                            const char *tokenizer, const char *digest, struct ltm_error *error) {
    char checkpoints[LTM_PATH_MAX], draft[LTM_PATH_MAX], path[LTM_PATH_MAX], name[NAME_SIZE], hidden[NAME_SIZE + 1];
    struct ltm_error second;
    step_name(name, state->step);
    snprintf(hidden, sizeof hidden, ".%s", name);
    ltm_status status = checkpoints_folder(checkpoints, sizeof checkpoints, run, error);
    if (status == LTM_OK) status = path_join(draft, sizeof draft, checkpoints, hidden, error);
    if (status == LTM_OK) status = path_join(path, sizeof path, draft, files[OPTIMIZER], error);
    const bool named = status == LTM_OK;
    if (named) status = begin_folder(draft, decoder, config, state, digest, error);
    if (status == LTM_OK)
        status = moments_write(path, adam, &decoder->table, error);
    else
        moments_write(NULL, adam, &decoder->table, &second);
    if (status == LTM_OK) status = end_folder(draft, state, tokenizer, error);
    if (status == LTM_OK) return install(checkpoints, draft, state, error);
    if (named) folder_remove(draft, NULL);
    return status;
}

ltm_status checkpoint_write(const char *run, const struct decoder *decoder, const struct adamw *adam,
                            const struct ltm_config *config, const struct checkpoint_state *state,
                            const char *tokenizer, const char *digest, struct ltm_error *error) {
    const ltm_status status = processes_rank() == 0
                                  ? write_all(run, decoder, adam, config, state, tokenizer, digest, error)
                                  : moments_write(NULL, adam, &decoder->table, error);
    return processes_agree(status, error);
}

/* ---- Reading ---- */

static ltm_status read_state(json_t **root, const char *folder, struct ltm_error *error) {
    char path[LTM_PATH_MAX], *text = NULL;
    size_t bytes;
    json_error_t wrong;
    ltm_status status = path_join(path, sizeof path, folder, "state.json", error);
    *root = NULL;
    if (status == LTM_OK) status = file_read_text(&text, &bytes, path, 1 << 20, error);
    if (status != LTM_OK) return status;
    *root = json_read(text, bytes, JSON_REJECT_DUPLICATES, &wrong);
    free(text);
    if (!*root || !json_is_object(json_object_get(*root, "checksums")) ||
        !json_is_integer(json_object_get(*root, "step"))) {
        json_decref(*root);
        *root = NULL;
        return fail(error, LTM_CORRUPT, "%s is damaged", path);
    }
    return LTM_OK;
}

static ltm_status verify(const json_t *root, const char *folder, bool all, struct ltm_error *error) {
    for (int i = 0; i < FILES; i++) {
        if (i == OPTIMIZER && !all) continue;
        char path[LTM_PATH_MAX], hex[17];
        const char *expected = json_string_value(json_object_get(json_object_get(root, "checksums"), files[i]));
        ltm_status status = path_join(path, sizeof path, folder, files[i], error);
        if (status != LTM_OK) return status;
        if (!expected && i != TOKENIZER)
            return fail(error, LTM_CORRUPT, "%s/state.json lacks the checksum of %s", folder, files[i]);
        if (!expected) continue;
        status = checksum_file(hex, path, error);
        if (status != LTM_OK) return status;
        if (strcmp(hex, expected) != 0)
            return fail(error, LTM_CORRUPT, "%s is damaged: its checksum is %s, not %s as when it was written", path,
                        hex, expected);
    }
    return LTM_OK;
}

ltm_status checkpoint_verify(const char *folder, bool all, struct ltm_error *error) {
    json_t *root;
    ltm_status status = read_state(&root, folder, error);
    if (status == LTM_OK) status = verify(root, folder, all, error);
    json_decref(root);
    return status;
}

static ltm_status check_corpus(const json_t *root, const struct ltm_config *config,
                               const struct checkpoint_state *state, struct ltm_error *error) {
    const char *was = json_string_value(json_object_get(root, "corpus"));
    if (was && strcmp(was, state->corpus) == 0) return LTM_OK;
    return fail(
        error, LTM_MISMATCH,
        "the run in %s began with another corpus than %s is now (other tokens or another tokenizer); put that one "
        "back to go on, or set another run.dir to begin anew",
        config->run.dir, config->data.corpus);
}

static bool is_count(const json_t *root, const char *key, int64_t most) {
    const json_t *value = json_object_get(root, key);
    return !value || (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= most);
}

/* state.json has no checksum of its own, and places in the data are counted from its step. */
static ltm_status check_counts(const json_t *root, const struct ltm_config *config, const char *folder,
                               struct ltm_error *error) {
    const int64_t steps =
        INT64_C(1000000000000000000) / config->slow.batch / config->model.sequence; /* of run.tokens */
    if (is_count(root, "step", steps) && is_count(root, "best_step", steps) && is_count(root, "log_bytes", INT64_MAX))
        return LTM_OK;
    return fail(error, LTM_CORRUPT, "%s/state.json is damaged: it says a step or a length that no run has", folder);
}

/* Read what is whole and belongs to this run: weights and moments are copied only after every checksum has been found right. */
static ltm_status read_folder(const char *folder, struct decoder *decoder, struct adamw *adam,
                              const struct ltm_config *config, struct checkpoint_state *state,
                              struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    struct ltm_config before;
    json_t *root = NULL;
    struct safetensors *weights = NULL, *moments = NULL;
    TRY(read_state(&root, folder, error));
    TRY(verify(root, folder, true, error));
    TRY(path_join(path, sizeof path, folder, files[MODEL], error));
    TRY(safetensors_open(&weights, path, error));
    TRY(model_file_config(&before, weights, path, error));
    TRY(same_run(&before, config, error));
    TRY(check_counts(root, config, folder, error));
    TRY(check_corpus(root, config, state, error));
    TRY(path_join(path, sizeof path, folder, files[OPTIMIZER], error));
    TRY(safetensors_open(&moments, path, error));
    TRY(weights_read(decoder->weights, &decoder->table, "", weights, error));
    TRY(moments_read(adam, &decoder->table, moments, error));
    state->step = adam->count = json_integer_value(json_object_get(root, "step"));
    state->seconds = json_number_value(json_object_get(root, "seconds"));
    const json_t *best = json_object_get(root, "best_bound");
    state->best_bound = best ? json_number_value(best) : INFINITY;
    state->best_step = best ? json_integer_value(json_object_get(root, "best_step")) : -1;
    state->log_bytes = json_integer_value(json_object_get(root, "log_bytes"));
    state->skipped = adam->skipped = json_integer_value(json_object_get(root, "skipped"));
    state->in_a_row = json_integer_value(json_object_get(root, "skipped_in_a_row"));
    state->diverged = json_integer_value(json_object_get(root, "diverged"));
    state->spikes = json_integer_value(json_object_get(root, "spikes"));
    state->loss = (struct loss_average){json_number_value(json_object_get(root, "loss_mean")),
                                        json_number_value(json_object_get(root, "loss_variance")),
                                        json_integer_value(json_object_get(root, "loss_count"))};
cleanup:
    json_decref(root);
    safetensors_close(weights);
    safetensors_close(moments);
    return status;
}

/* What a process that was killed after it renamed a checkpoint into place had still to do. */
static ltm_status tidy(const char *checkpoints, const struct checkpoint_state *state, struct ltm_error *error) {
    char name[NAME_SIZE];
    step_name(name, state->step);
    ltm_status status = point(checkpoints, "last", name, error);
    step_name(name, state->best_step);
    if (status == LTM_OK && state->best_step >= 0) status = point(checkpoints, "best", name, error);
    return status == LTM_OK ? prune(checkpoints, state, error) : status;
}

/* `folder` gets the one that was read. */
static ltm_status read_newest(char folder[LTM_PATH_MAX], const char *run, struct decoder *decoder, struct adamw *adam,
                              const struct ltm_config *config, struct checkpoint_state *state,
                              const struct ltm_watch *watch, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char checkpoints[LTM_PATH_MAX], line[2048], **names = NULL;
    size_t count = 0;
    bool passed_over = false;
    TRY(checkpoints_folder(checkpoints, sizeof checkpoints, run, error));
    if (!folder_exists(checkpoints)) return LTM_OK;
    TRY(folder_list(&names, &count, checkpoints, error));
    for (size_t i = count; i-- > 0;) { /* names are sorted, and steps have leading zeros */
        if (step_of(names[i]) < 0) continue;
        TRY(path_join(folder, LTM_PATH_MAX, checkpoints, names[i], error));
        status = read_folder(folder, decoder, adam, config, state, error);
        if (status == LTM_OK) status = tidy(checkpoints, state, error);
        if (status != LTM_CORRUPT && status != LTM_IO) goto cleanup;
        passed_over = true;
        snprintf(line, sizeof line, "%s; trying the checkpoint before it", error ? error->message : folder);
        if (watch && watch->message) watch->message(watch->user, line);
    }
    if (passed_over)
        status = fail(error, LTM_CORRUPT, "no checkpoint in %s is whole; remove the folder to begin anew", checkpoints);
cleanup:
    folder_list_free(names, count);
    return status;
}

/* What process 0 has read, to the others. */
static ltm_status spread(const char *folder, struct decoder *decoder, struct adamw *adam,
                         struct checkpoint_state *state, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    struct safetensors *moments = NULL;
    TRY(processes_broadcast(state, sizeof *state, error));
    adam->count = state->step;
    adam->skipped = state->skipped;
    if (state->step == 0) return LTM_OK;
    TRY(processes_broadcast(decoder->weights, decoder->table.size * sizeof(float), error));
    if (processes_rank() == 0) {
        status = path_join(path, sizeof path, folder, files[OPTIMIZER], error);
        if (status == LTM_OK) status = safetensors_open(&moments, path, error);
    }
    TRY(processes_agree(status, error));
    TRY(moments_spread(adam, &decoder->table, moments, error));
cleanup:
    safetensors_close(moments);
    return status;
}

ltm_status checkpoint_read_newest(const char *run, struct decoder *decoder, struct adamw *adam,
                                  const struct ltm_config *config, struct checkpoint_state *state,
                                  const struct ltm_watch *watch, struct ltm_error *error) {
    char folder[LTM_PATH_MAX];
    ltm_status status = LTM_OK;
    state->step = 0;
    state->best_bound = INFINITY;
    state->best_step = -1;
    if (processes_rank() == 0) status = read_newest(folder, run, decoder, adam, config, state, watch, error);
    status = processes_agree(status, error);
    if (status != LTM_OK || processes_count() == 1) return status;
    return spread(folder, decoder, adam, state, error);
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
        return fail(error, LTM_IO, "there is no folder %s; give a checkpoint's or a run's folder", path);
    return fail(error, LTM_IO, "%s holds no checkpoint (no model.safetensors, no checkpoints/best); train first", path);
}
