/* Scaling laws: a form fitted to the scores of many runs, with intervals, and its advice for a budget.
 *
 *     struct ltm_fit *fit = NULL;
 *     struct ltm_fit_answer answer;
 *     ltm_fit(&fit, points, count, NULL, NULL, &error);
 *     ltm_fit_answer(fit, 1e15, &answer, &error);
 *     puts(answer.words);
 *     ltm_fit_free(fit);
 *
 * Forms. With N parameters, D training tokens, M latent numbers (N_z times width), S fast steps, m = 1 + M / M0:
 *
 *     L = E + A / (N^α m^γ S^δ) + B / (D^β m^γ S^δ) + C / m^γ + F / S^δ
 *
 * where each candidate has some of these terms; if runs differ in loops r, there are also candidates with N_once + r^φ N_rec for N,
 * N_rec being the weights that loops run again (arXiv 2604.21106); Chinchilla's form is E + A / N^α + B / D^β. S, and the last
 * term, count only with latents. M0 is the smallest latent size above zero that was measured.
 *
 * Fitted as Hoffmann et al. (arXiv 2203.15556, section 3.3, corrected by Besiroglu et al., 2404.10102): the sum of
 * Huber losses, δ = 1e-3, of log residuals, by L-BFGS from a grid of starts; exponents stay within about ±2. The form is chosen by held-out
 * points: a candidate's error is the mean of |log L - log of its prediction| over cells that its fit had not seen.
 * Intervals are percentiles of fits to resampled cells. Results are bit-identical for any number of threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ltm/status.h"
#include "ltm/watch.h"

LTM_C_BEGIN

/* One run. */
struct ltm_fit_point {
    double loss;           /* > 0; nats per token */
    double parameters;     /* N > 0, each counted once */
    double recurrent;      /* N_rec, those of N that loops run again; 0 = none */
    double loops;          /* r, how often they run; 0 = once */
    double tokens;         /* D > 0, in training */
    int latents;           /* N_z >= 0 */
    double latent_numbers; /* M = N_z times width, >= 0 */
    double fast_steps;     /* S >= 1; ignored without latents */
    double token_flops;    /* training compute per token; 0 = unknown, and then no answer about a budget is possible */
};

enum ltm_fit_parameter {
    LTM_FIT_E,
    LTM_FIT_A,
    LTM_FIT_B,
    LTM_FIT_C,
    LTM_FIT_F,
    LTM_FIT_ALPHA,
    LTM_FIT_BETA,
    LTM_FIT_GAMMA,
    LTM_FIT_DELTA,
    LTM_FIT_PHI,
    LTM_FIT_PARAMETERS
};

/* "E", "α", … Static storage. */
const char *ltm_fit_parameter_name(enum ltm_fit_parameter parameter);

struct ltm_fit_options {
    int resamples; /* of the bootstrap; 0 = no intervals */
    double share;  /* of resamples inside an interval */
    uint64_t seed; /* of the bootstrap */
    bool plain;    /* Chinchilla's form only, and where runs differ in loops that with N_once + r^φ N_rec for N */
};

/* 4,000 resamples, 95 % intervals, seed 0. */
void ltm_fit_options_defaults(struct ltm_fit_options *options);

struct ltm_fit_interval {
    double value, low, high; /* NaN if the form has no such parameter; low and high also without resamples */
};

enum { LTM_FIT_CANDIDATES = 20, LTM_FIT_TEXT = 256, LTM_FIT_NOTES = 8 };

struct ltm_fit_candidate {
    char form[LTM_FIT_TEXT]; /* as written above */
    int parameters;
    double fitted_error;  /* mean |log residual| over all points, all seen by the fit */
    double heldout_error; /* the same over points not seen; NaN if there are too few */
    double heldout_stderr;
    bool chosen;
};

struct ltm_fit_info {
    size_t points, cells; /* runs, and distinct (N, D, M, S, r) among them */
    int folds;            /* of cross-validation: one per cell, or 10 */
    struct ltm_fit_candidate candidate[LTM_FIT_CANDIDATES];
    int candidates, chosen;
    struct ltm_fit_interval parameter[LTM_FIT_PARAMETERS]; /* of the chosen form */
    double latent_scale;                                   /* M0 */
    int resamples;
    double share;
    char note[LTM_FIT_NOTES][LTM_FIT_TEXT]; /* what the points cannot determine, one sentence each */
    int notes;
};

struct ltm_fit;

/* Fit; options and watch may be NULL. LTM_INVALID, with the reason, if the points are too few or do not vary in what the
 * form needs; LTM_UNSUPPORTED in a build without liblbfgs. The points are copied. */
ltm_status ltm_fit(struct ltm_fit **fit, const struct ltm_fit_point *points, size_t count,
                   const struct ltm_fit_options *options, const struct ltm_watch *watch, struct ltm_error *error);
void ltm_fit_free(struct ltm_fit *fit);
const struct ltm_fit_info *ltm_fit_info(const struct ltm_fit *fit);

/* The chosen form's loss at a point, whose own `loss` is ignored. */
double ltm_fit_predict(const struct ltm_fit *fit, const struct ltm_fit_point *point);

/* What to train with a budget, out of the latent counts, step counts and loops that were measured. */
struct ltm_fit_answer {
    double budget; /* FLOPs */
    int latents;   /* N_z of the best; 0 = none */
    double fast_steps;
    double loops; /* 1 = none */
    struct ltm_fit_interval parameters, tokens, loss;
    double share; /* of resamples that agree on latents, steps and loops; NaN without resamples */
    struct ltm_fit_interval
        gain; /* best loss without latents - best with; > 0: latents pay. NaN if one was not measured */
    bool
        extrapolates; /* parameters or tokens are more than a factor of 2 outside the measured range: the law's claim, not the runs' */
    bool
        at_edge; /* with fixed_tokens: parameters are at an end of the searched range, a factor of 2 outside the measured one */
    bool fixed_tokens; /* only one D was measured: the answer is for that D, even if the budget would buy more */
    char words[1536];
};

/* LTM_INVALID if the budget is not above zero or buys no model in the measured range, if the law is a constant or has no best size
 * for it, or if token_flops is unknown. */
ltm_status ltm_fit_answer(const struct ltm_fit *fit, double budget, struct ltm_fit_answer *answer,
                          struct ltm_error *error);

/* Names of a table's columns; NULL: the first match among common names ("params", "val_loss", …). */
struct ltm_fit_columns {
    const char *loss, *parameters, *tokens;
    const char *recurrent, *loops; /* N_rec and r, both or neither; 0 = none */
    const char *once;              /* N_once, from which N = N_once + N_rec, instead of parameters */
    const char *flops;             /* training compute of a run; without such a column 6 (N + (r - 1) N_rec) D */
};

/* Read runs from any table: CSV with a header line, separated by commas, semicolons or tabs; numbers may have thousands
 * separators, a decimal comma, and a suffix k, M, B or G, T. Rows with a number that is missing or not above 0 are skipped and
 * counted in *dropped. The caller frees *points. LTM_INVALID for a missing column, naming the existing ones. */
ltm_status ltm_fit_read(struct ltm_fit_point **points, size_t *count, size_t *dropped, const char *path,
                        const struct ltm_fit_columns *columns, struct ltm_error *error);

LTM_C_END
