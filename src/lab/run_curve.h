/* log.jsonl of a run (train/run_log.h), as curves. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "ltm/config.h"

enum { CURVE_NAME = 64 };

/* A slow step, or a mean over neighbouring ones; NaN if a line lacks it. */
struct curve_step {
    double step, tokens, seconds, loss, recon, kl, lr, grad_norm, tokens_per_second, utilisation;
    double chosen, rejected, margin, accuracy; /* slow.objective = dpo */
};

/* A held-out scoring. */
struct curve_score {
    double step, tokens, seconds, recon, kl, bound, bound_error, ema_bound, bits_per_byte, exact_match;
    double exact, exact_error; /* of a solver: puzzles that are whole */
    struct curve_corpora {
        double bound[LTM_CORPORA_MOST], error[LTM_CORPORA_MOST];
    } each;                                                    /* corpus of a mixture */
    double carried, carried_error;                             /* by streaming latents */
    double loss, ema_loss, chosen, rejected, margin, accuracy; /* slow.objective = dpo */
};

/* The lower bound of the two: of the weights, or of their average with slow.ema. */
double curve_bound(const struct curve_score *score);
double curve_error(const struct curve_score *score); /* NaN for that of the average, whose error is not logged */
double curve_bits(const struct curve_score *score);  /* the same as bits a byte; NaN if not logged */

struct run_curve {
    char corpus[LTM_CORPORA_MOST][CURVE_NAME]; /* the end of its folder's path */
    int corpora;                               /* 0 with one */
    struct curve_step *step;
    struct curve_score *score;
    size_t steps, scores, step_room, score_room;
    size_t broken; /* lines that are not JSON objects: from an interrupted run or an editor */
};

/* The held-out scoring with the lowest bound, NULL if there is none. */
const struct curve_score *run_curve_best(const struct run_curve *curve);

ltm_status run_curve_read(struct run_curve *curve, const char *path, struct ltm_error *error);
void run_curve_free(struct run_curve *curve);

/* At most `most` steps: means over equal numbers of neighbours (at the position and time of the last). */
void run_curve_thin(struct run_curve *curve, size_t most);
