/* How well a solver solves puzzles: every puzzle for all solver.supervision steps, so that what it would have said where it halts is
 * among them. With eval.restarts a puzzle has several runs; the one with the least residual at the end answers, which needs no solution. With
 * solver.stable each has noise of its own, from the start that training has; without, where nothing else would tell them apart, a start of
 * its own (solver_start), which no training saw. */
#pragma once

#include <math.h>
#include <stdbool.h>

#include <jansson.h>

#include "model/decoder.h"
#include "solver/puzzles.h"

/* Whether a run that ends with `residual` answers in place of one with `least`: NaN is more than any number. */
static inline bool solver_settles(float residual, float least) {
    return residual < least || (isnan(least) && !isnan(residual));
}

/* Of one puzzle behind one step. */
struct solver_step_score {
    float nll;     /* mean over its cells, nats */
    float halt;    /* the halting head's logit */
    int32_t right; /* cells */
};

/* Of one puzzle over its runs. */
struct solver_run_sums {
    int64_t whole; /* runs that solve it */
    int64_t right; /* cells */
};

struct solver_scores {
    int64_t count; /* puzzles, the first of the file */
    int steps, restarts, starts, cells, width, latents;
    const struct puzzles *puzzles;
    struct solver_step_score *each; /* (count, steps): of the runs that answer */
    struct solver_step_score *first,
        *best; /* (count): the last step of the first run, and of the one with the most cells right */
    struct solver_run_sums *sums; /* (count): of the last step of all runs */
    float *given_nll, *given_kl;  /* (count): as in solver_group, of the first run; 0 without latents */
    bool *diverged;               /* (count): likewise */
    int64_t example;              /* the first of the hardest … */
    int32_t *answers;             /* … and its answers (steps, T) */
};

/* Means over puzzles, with their standard errors. */
struct solver_mean {
    double exact, exact_error; /* share of puzzles that are right in all cells */
    double cells, cells_error; /* share of cells that are right */
    double nll;                /* of a cell, nats */
    double steps;              /* taken */
};

/* COLLECTIVE. Of the first `most` puzzles; 0 = all. Borrows puzzles; reads eval.restarts and run.seed. The processes share the work. */
ltm_status solver_scores_take(struct solver_scores *scores, const struct decoder *decoder,
                              const struct puzzles *puzzles, const struct ltm_config *config, int64_t most, int threads,
                              struct ltm_error *error);
void solver_scores_free(struct solver_scores *scores);

/* Puzzles whose fit of latents diverged in the first run. */
int64_t solver_scores_diverged(const struct solver_scores *scores);

/* Behind `step` steps, from 1; or, step = 0, where each puzzle halts: behind the first step whose logit is above 0, or the last. */
struct solver_mean solver_scores_mean(const struct solver_scores *scores, int step);

/* {"puzzles", "full": {exact, exact_error, cells, …}, "halted": …, "steps": [… behind each], "difficulties": [{"difficulty", "puzzles",
 * "full", "halted"}], "example": {"rows", "columns", "puzzle", "solution", "answers": [TEXT behind each step], "halts": STEP}}; of several
 * runs "restarts": {"runs", "starts", "one": …, "mean": {exact, cells, …} over runs, "best": …}, where there are latents "latents": {"givens", "kl"} in nats a puzzle,
 * "diverged": puzzles. */
json_t *solver_scores_json(const struct solver_scores *scores);
