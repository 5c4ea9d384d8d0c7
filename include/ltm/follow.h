/* Follow a run: its current state, from its folder. Only reads; the run may be training in another process, or not have started.
 *
 *     struct ltm_run_view view;
 *     ltm_run_look("runs/demo", &view, &error);      repeat until view.phase >= LTM_RUN_STOPPED */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/status.h"

LTM_C_BEGIN

enum ltm_run_phase {
    LTM_RUN_AWAITED, /* nothing is logged yet */
    LTM_RUN_TRAINS,
    LTM_RUN_STOPPED, /* before its end: no process on this machine trains it, and its log has not grown for a minute */
    LTM_RUN_DONE     /* all slow steps are done, and no process trains it */
};

struct ltm_run_point {
    double step, value;
};

enum { LTM_RUN_POINTS = 200 };

/* Nats per token; NAN for values not in the log. */
struct ltm_run_view {
    int phase; /* enum ltm_run_phase */
    int64_t step, steps, tokens;
    double seconds, seconds_left; /* of slow steps */
    double tokens_per_second, lr, loss, kl;
    double bound, bound_error, best_bound, bits_per_byte; /* held out: the last, and the best */
    int64_t best_step;
    double exact,
        best_exact; /* of a solver, whose tokens are cells: held-out puzzles that are whole, the last and the best; else NAN */
    bool solver;
    int scores; /* held-out scorings so far */
    int losses, bounds;
    struct ltm_run_point loss_curve[LTM_RUN_POINTS];  /* means over neighbouring steps */
    struct ltm_run_point bound_curve[LTM_RUN_POINTS]; /* the most recent ones */
};

/* LTM_INVALID if `run` is a folder but not a run's; if the path does not exist, the run is awaited. */
ltm_status ltm_run_look(const char *run, struct ltm_run_view *view, struct ltm_error *error);

LTM_C_END
