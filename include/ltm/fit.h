/* Scaling laws: a form fitted to the scores of many runs, with intervals, and what it says of a budget.
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
 * each form with some of these; where runs differ in loops r, N stands for N_once + r^φ N_rec too, N_rec the weights that loops run
 * again (arXiv 2604.21106); Chinchilla's is E + A / N^α + B / D^β. S counts only where there are latents, and the
 * last term is there only then. M0 is the smallest latent size above zero that was measured.
 *
 * Fitted as Hoffmann et al. (arXiv 2203.15556, section 3.3, corrected by Besiroglu et al., 2404.10102): the sum of
 * Huber losses, δ = 1e-3, of log residuals, by L-BFGS from a grid of starts; exponents stay within about ±2. The form is chosen by points that were
 * held out: a candidate's error is the mean of |log L - log of its prediction| over cells that its fit had not seen.
 * Intervals are percentiles of fits to resampled cells. The same bits for any number of threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ltm/status.h"
#include "ltm/watch.h"

LTM_C_BEGIN

/* One run. */
struct ltm_fit_point {
    double loss;           /* > 0; nats a token */
    double parameters;     /* N > 0, each counted once */
    double recurrent;      /* N_rec, those of N that loops run again; 0 = none */
    double loops;          /* r, how often they run; 0 = once */
    double tokens;         /* D > 0, in training */
    int latents;           /* N_z >= 0 */
    double latent_numbers; /* M = N_z times width, >= 0 */
    double fast_steps;     /* S >= 1; no matter without latents */
    double token_flops;    /* compute in training per token; 0 = not known, then no answer about a budget is possible */
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
    double share;  /* of resamples within an interval */
    uint64_t seed; /* of the bootstrap */
    bool plain;    /* Chinchilla's form alone, no candidates beside it */
};

/* 4,000 resamples, 95 % intervals, seed 0. */
void ltm_fit_options_defaults(struct ltm_fit_options *options);

struct ltm_fit_interval {
    double value, low, high; /* NaN where the form has no such parameter; low and high also without resamples */
};

enum { LTM_FIT_CANDIDATES = 20, LTM_FIT_TEXT = 256, LTM_FIT_NOTES = 8 };

struct ltm_fit_candidate {
    char form[LTM_FIT_TEXT]; /* as written above */
    int parameters;
    double fitted_error;  /* mean |log residual| over all points, each seen */
    double heldout_error; /* the same over points not seen; NaN where there are too few */
    double heldout_stderr;
    bool chosen;
};

struct ltm_fit_info {
    size_t points, cells; /* runs, and distinct (N, D, M, S, r) among them */
    int folds;            /* in which cells were held out: as many as cells, or 10 */
    struct ltm_fit_candidate candidate[LTM_FIT_CANDIDATES];
    int candidates, chosen;
    struct ltm_fit_interval parameter[LTM_FIT_PARAMETERS]; /* of the chosen form */
    double latent_scale;                                   /* M0 */
    int resamples;
    double share;
    char note[LTM_FIT_NOTES][LTM_FIT_TEXT]; /* what the points cannot tell, one sentence each */
    int notes;
};

struct ltm_fit;

/* Fit; options and watch may be NULL. LTM_INVALID, in words, when the points are too few or do not differ in what the
 * form needs; LTM_UNSUPPORTED in a build without liblbfgs. The points are copied. */
ltm_status ltm_fit(struct ltm_fit **fit, const struct ltm_fit_point *points, size_t count,
                   const struct ltm_fit_options *options, const struct ltm_watch *watch, struct ltm_error *error);
void ltm_fit_free(struct ltm_fit *fit);
const struct ltm_fit_info *ltm_fit_info(const struct ltm_fit *fit);

/* The chosen form's loss at a point; its own `loss` is not looked at. */
double ltm_fit_predict(const struct ltm_fit *fit, const struct ltm_fit_point *point);

/* What to train with a budget, of the latent counts, step numbers and loops that were measured. */
struct ltm_fit_answer {
    double budget; /* FLOPs */
    int latents;   /* N_z of the best; 0 = none */
    double fast_steps;
    double loops; /* 1 = none */
    struct ltm_fit_interval parameters, tokens, loss;
    double share; /* of resamples that agree on latents, steps and loops; NaN without resamples */
    struct ltm_fit_interval
        gain; /* best loss without latents - best with; > 0: latents pay. NaN where one was not measured */
    bool
        extrapolates; /* parameters or tokens are more than a factor of 2 beyond what was measured: the law's, not the runs' */
    bool
        at_edge; /* of fixed_tokens: parameters are as many, or few, as were looked at, a factor of 2 beyond what was measured */
    bool fixed_tokens; /* one D only was measured: all of it is at that D, whatever the budget would buy beyond */
    char words[1536];
};

/* LTM_INVALID when the budget is not above zero, buys no model of the measured range, the law is a constant or has no best size for
 * it, or token_flops is not known. */
ltm_status ltm_fit_answer(const struct ltm_fit *fit, double budget, struct ltm_fit_answer *answer,
                          struct ltm_error *error);

/* Names of a table's columns; NULL: the first of the names that are common for it ("params", "val_loss", …). */
struct ltm_fit_columns {
    const char *loss, *parameters, *tokens;
    const char *flops; /* in training, of a run; without such a column 6 N D */
};

/* Plain runs out of anybody's table: CSV with a line of names, separated by commas, semicolons or tabs; numbers may have thousands
 * separators, a decimal comma, and end in k, M, B or G, T. Rows whose numbers are not all there and above 0 are left out and
 * counted in *dropped. The caller frees *points. LTM_INVALID, naming those there are, for a column that is not there. */
ltm_status ltm_fit_read(struct ltm_fit_point **points, size_t *count, size_t *dropped, const char *path,
                        const struct ltm_fit_columns *columns, struct ltm_error *error);

LTM_C_END
