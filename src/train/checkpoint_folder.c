#include "train/checkpoint_folder.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/progress.h"
#include "train/resume_check.h"

void checkpoint_step_name(char name[CHECKPOINT_NAME], int64_t step) {
    snprintf(name, CHECKPOINT_NAME, "step-%08" PRId64, step);
}

/* Point the link checkpoints/NAME at a step's folder, in one step: a new link renamed over the old. */
static ltm_status point(const char *checkpoints, const char *name, int64_t step, struct ltm_error *error) {
    char link[LTM_PATH_MAX];
    char draft[LTM_PATH_MAX];
    char hidden[CHECKPOINT_NAME];
    char target[CHECKPOINT_NAME];
    checkpoint_step_name(target, step);
    snprintf(hidden, sizeof hidden, ".%s", name);
    PASS_UP(path_join(link, sizeof link, checkpoints, name, error));
    PASS_UP(path_join(draft, sizeof draft, checkpoints, hidden, error));
    unlink(draft);
    if (symlink(target, draft) != 0 || rename(draft, link) != 0)
        return fail(error, LTM_IO, "cannot point %s at %s: %m", link, target);
    return LTM_OK;
}

static ltm_status prune(const char *checkpoints, const struct checkpoint_state *state, const struct ltm_config *config,
                        struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const int keep = config->run.keep_every;
    const int64_t stable = resume_stable_step(config);
    char **names = NULL;
    char path[LTM_PATH_MAX];
    size_t count = 0;
    int64_t before = -1;
    TRY(folder_list(&names, &count, checkpoints, error));
    for (size_t i = 0; i < count; i++) {
        const int64_t step = checkpoint_step_of(names[i]);
        if (step < state->step && step > before) before = step;
    }
    for (size_t i = 0; i < count; i++) {
        const int64_t step = checkpoint_step_of(names[i]);
        const bool stays = step == state->best_step || step == stable || (keep > 0 && step % keep == 0);
        const bool old = step >= 0 && step < before && !stays;
        if (!old && strncmp(names[i], ".step-", 6) != 0) continue;
        TRY(path_join(path, sizeof path, checkpoints, names[i], error));
        TRY(folder_remove(path, error));
    }
cleanup:
    folder_list_free(names, count);
    return status;
}

ltm_status checkpoint_folder_tidy(const char *checkpoints, const struct checkpoint_state *state,
                                  const struct ltm_config *config, struct ltm_error *error) {
    PASS_UP(point(checkpoints, "last", state->step, error));
    if (state->best_step >= 0) PASS_UP(point(checkpoints, "best", state->best_step, error));
    PASS_UP(folder_sync(checkpoints, error));
    return prune(checkpoints, state, config, error);
}

/* A file of the run into the folder that keeps the shorter run, where it is there. */
static ltm_status keep_file(const char *run, const char *kept, const char *name, bool move, struct ltm_error *error) {
    char from[LTM_PATH_MAX];
    char to[LTM_PATH_MAX];
    PASS_UP(path_join(from, sizeof from, run, name, error));
    PASS_UP(path_join(to, sizeof to, kept, name, error));
    if (!file_exists(from)) return LTM_OK;
    if (!move) return file_copy(from, to, error);
    return rename(from, to) == 0 ? LTM_OK : fail(error, LTM_IO, "cannot rename %s to %s: %m", from, to);
}

/* Checkpoints of steps behind `step`, the newest last: while that is there the run is still to be gone back with. Links first, as the
 * run had them. */
static ltm_status move_checkpoints(const char *from, const char *to, int64_t step, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char **names = NULL;
    char best[LTM_PATH_MAX];
    char target[CHECKPOINT_NAME] = "";
    size_t count = 0;
    TRY(path_join(best, sizeof best, from, "best", error));
    TRY(folder_list(&names, &count, from, error));
    if (readlink(best, target, sizeof target - 1) < 0) target[0] = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t of = checkpoint_step_of(names[i]);
        if (of > step) TRY(point(to, "last", of, error));
        if (of > step && strcmp(names[i], target) == 0) TRY(point(to, "best", of, error));
    }
    unlink(best);
    for (size_t i = 0; i < count; i++) {
        char old[LTM_PATH_MAX];
        char new[LTM_PATH_MAX];
        if (checkpoint_step_of(names[i]) <= step) continue;
        TRY(path_join(old, sizeof old, from, names[i], error));
        TRY(path_join(new, sizeof new, to, names[i], error));
        if (folder_exists(new)) TRY(folder_remove(new, error));
        if (rename(old, new) != 0) TRY(fail(error, LTM_IO, "cannot rename %s to %s: %m", old, new));
    }
    TRY(folder_sync(to, error));
    TRY(folder_sync(from, error));
cleanup:
    folder_list_free(names, count);
    return status;
}

ltm_status checkpoint_folder_go_back(const char *run, int64_t tokens, const struct ltm_config *config,
                                     struct checkpoint_state *state, const struct ltm_watch *watch,
                                     struct ltm_error *error) {
    char checkpoints[LTM_PATH_MAX];
    char kept[LTM_PATH_MAX];
    char kept_checkpoints[LTM_PATH_MAX];
    char name[64];
    snprintf(name, sizeof name, "tokens-%lld", (long long)tokens);
    PASS_UP(path_join(checkpoints, sizeof checkpoints, run, "checkpoints", error));
    PASS_UP(path_join(kept, sizeof kept, run, name, error));
    PASS_UP(path_join(kept_checkpoints, sizeof kept_checkpoints, kept, "checkpoints", error));
    PASS_UP(folder_create(kept_checkpoints, error));
    PASS_UP(keep_file(run, kept, "config.ini", false, error));
    PASS_UP(keep_file(run, kept, "log.jsonl", false, error));
    PASS_UP(keep_file(run, kept, "sequences.csv", true, error));
    PASS_UP(move_checkpoints(checkpoints, kept_checkpoints, state->step, error));
    state->best_bound = INFINITY;
    state->best_step = -1;
    watch_message(watch,
                  "run.tokens changed from %lld to %lld: restarting from slow step %lld, before the rate "
                  "began to fall; the old run stays in %s",
                  (long long)tokens, (long long)config->run.tokens, (long long)state->step, kept);
    return LTM_OK;
}
