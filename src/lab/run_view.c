#include "ltm/follow.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/files.h"
#include "lab/run_curve.h"
#include "ltm/train.h"

enum { QUIET_SECONDS = 60 };

/* Whether a process of this machine holds the run's lock. It does not try to take the lock: holding it for a moment
 * could make a training fail to start. */
static bool is_locked(const char *run) {
    char path[LTM_PATH_MAX];
    char wanted[64];
    char line[256];
    struct stat info;
    bool found = false;
    if (path_join(path, sizeof path, run, ".lock", NULL) != LTM_OK || stat(path, &info) != 0) return false;
    FILE *locks = fopen("/proc/locks", "re");
    if (!locks) return false;
    snprintf(wanted, sizeof wanted, " %02x:%02x:%" PRIuMAX " ", major(info.st_dev), minor(info.st_dev),
             (uintmax_t)info.st_ino);
    while (!found && fgets(line, sizeof line, locks)) found = strstr(line, "FLOCK") && strstr(line, wanted);
    fclose(locks);
    return found;
}

static int phase_of(const struct ltm_run_view *view, const char *run, const char *log) {
    struct stat info;
    if (is_locked(run)) return view->step > 0 ? LTM_RUN_TRAINS : LTM_RUN_AWAITED;
    if (view->steps > 0 && view->step >= view->steps) return LTM_RUN_DONE;
    if (stat(log, &info) != 0) return LTM_RUN_AWAITED;
    return time(NULL) - info.st_mtime > QUIET_SECONDS ? LTM_RUN_STOPPED : LTM_RUN_TRAINS;
}

static void take_steps(struct ltm_run_view *view, struct run_curve *curve) {
    if (curve->steps == 0) return;
    const struct curve_step last = curve->step[curve->steps - 1];
    view->step = (int64_t)last.step;
    view->tokens = (int64_t)last.tokens;
    view->seconds = last.seconds;
    view->tokens_per_second = last.tokens_per_second;
    view->lr = last.lr;
    view->loss = last.loss;
    view->kl = last.kl;
    run_curve_thin(curve, LTM_RUN_POINTS);
    for (size_t i = 0; i < curve->steps; i++)
        view->loss_curve[view->losses++] = (struct ltm_run_point){curve->step[i].step, curve->step[i].loss};
}

/* Of equal scores the last is the best, as in training. */
static void take_solved(struct ltm_run_view *view, const struct run_curve *curve) {
    for (size_t i = 0; i < curve->scores; i++) {
        view->exact = curve->score[i].exact;
        if (view->exact < view->best_exact) continue;
        view->best_exact = view->exact;
        view->best_step = (int64_t)curve->score[i].step;
    }
}

static void take_scores(struct ltm_run_view *view, const struct run_curve *curve) {
    const struct curve_score *best = run_curve_best(curve);
    view->scores = (int)curve->scores;
    if (view->solver) take_solved(view, curve);
    if (!best) return;
    const struct curve_score *last = &curve->score[curve->scores - 1];
    view->bound = curve_bound(last);
    view->bound_error = curve_error(last);
    view->bits_per_byte = curve_bits(best);
    view->best_bound = curve_bound(best);
    view->best_step = (int64_t)best->step;
    const size_t from = curve->scores > LTM_RUN_POINTS ? curve->scores - LTM_RUN_POINTS : 0;
    for (size_t i = from; i < curve->scores; i++)
        view->bound_curve[view->bounds++] = (struct ltm_run_point){curve->score[i].step, curve_bound(&curve->score[i])};
}

static ltm_status read_config(struct ltm_run_view *view, const char *run, double *tokens, struct ltm_error *error) {
    struct ltm_config config;
    char path[LTM_PATH_MAX];
    PASS_UP(path_join(path, sizeof path, run, "config.ini", error));
    if (!file_exists(path)) return LTM_OK; /* it has not begun */
    ltm_config_defaults(&config);
    PASS_UP(ltm_config_load(&config, path, error));
    view->solver = config.model.kind == LTM_MODEL_SOLVER;
    view->steps = ltm_training_steps(&config);
    *tokens = (double)ltm_training_tokens(&config);
    return LTM_OK;
}

ltm_status ltm_run_look(const char *run, struct ltm_run_view *view, struct ltm_error *error) {
    static const char *const marks[] = {".lock",        ".claim",      "config.ini", "log.jsonl",
                                        "machine.json", "checkpoints", NULL};
    struct run_curve curve = {0};
    char log[LTM_PATH_MAX];
    double tokens = NAN;
    ltm_status status = LTM_OK;
    *view = (struct ltm_run_view){.seconds = NAN, .seconds_left = NAN, .tokens_per_second = NAN};
    view->lr = view->loss = view->kl = view->bound = view->bound_error = view->best_bound = view->bits_per_byte = NAN;
    view->exact = view->best_exact = NAN;
    TRY(path_join(log, sizeof log, run, "log.jsonl", error));
    TRY(read_config(view, run, &tokens, error));
    if (folder_exists(run)) TRY(folder_check_own(run, marks, "the folder of a run", error)); /* it may be empty yet */
    if (!folder_exists(run) && file_exists(run))
        TRY(fail(error, LTM_INVALID, "%s is a file; give the folder of a run", run));
    if (file_exists(log)) {
        TRY(run_curve_read(&curve, log, error));
        take_steps(view, &curve);
        take_scores(view, &curve);
    }
    if (view->tokens_per_second > 0) view->seconds_left = (tokens - (double)view->tokens) / view->tokens_per_second;
    if (!(view->seconds_left > 0)) view->seconds_left = 0;
    view->phase = phase_of(view, run, log);
cleanup:
    run_curve_free(&curve);
    return status;
}
