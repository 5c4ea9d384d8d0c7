/* A solver (Jolicoeur-Martineau, "Less is more: recursive reasoning with tiny networks", 2025): one small network f refines an answer y
 * and a latent state z of a puzzle, all cells at once. x is the embedding of the givens and of their places. A step, of which a puzzle
 * has up to solver.supervision, is solver.cycles times
 *
 *     z = f(z + y + x)   solver.inner times, then   y = f(y + z)          (without inner steps y = f(y + x))
 *
 * with a gradient through the last cycle alone. With solver.stable each of these keeps a share of the state s that it replaces and adds
 * noise ε, s = .05 s + .95 f + .01 ε, so that a run can be had again with other noise, and how far s still moves says which runs to
 * trust. y and z are carried from step to step, detached; both begin as one random vector for all cells, by run.seed. The heads read y (stages/solver_head.h). With latent.count > 0 x has a puzzle's latents too, a draw from the
 * posterior that is fitted to its givens (solver/solver_fit.h); training fits it anew in each step, and its loss has
 * -log p(givens | z) / T beside the rest, by which f learns to tell them.
 *
 * A `solver_pass` is one thread's workspace for a group of puzzles; its decoder has the plan of one cycle. No number of a puzzle depends
 * on which others are in its group. */
#pragma once

#include "model/decoder.h"
#include "solver/solver_fit.h"
#include "stages/solver_head.h"

struct solver_pass;

/* fast: of the fit; where there are no latents it may be NULL. */
ltm_status solver_pass_create(struct solver_pass **pass, const struct decoder *decoder,
                              const struct ltm_fast_config *fast, int puzzles, bool gradients, struct ltm_error *error);
void solver_pass_free(struct solver_pass *pass);
size_t solver_pass_bytes(const struct plan *plan, const struct ltm_fast_config *fast, int puzzles, bool gradients);

/* Where y and z begin: (d) each. Training has restart 0. */
void solver_start(float *y, float *z, int d, uint64_t seed, int restart);

/* Some puzzles at a step; arrays are borrowed. */
struct solver_group {
    int count;                       /* G */
    const int32_t *givens, *targets; /* (G, T) */
    const float *y, *z;              /* (G, T, d): what the step before left */
    float *next_y, *next_z;          /* (G, T, d): what this one leaves; may be y and z */
    struct noise_source noise; /* what is random in the step: seed, step, and each puzzle's number (solver_number) */
    int empty;                 /* the token of a cell that is not given, or -1 */
    float kl_weight;           /* in the fit of latents; 1 but for slow.kl_warmup */
    bool *diverged;            /* (G): the fit did, and the prior replaces it; NULL = not wanted */
    float *given_nll,
        *given_kl;   /* (G): nats of the givens under the draw of z, and of its posterior's KL; NULL = not wanted */
    float *residual; /* (G): |z' - z| / |z| of the last inner step, or of y; NULL = not wanted */
    struct solver_answers answers;
};

/* Of puzzle `puzzle` at supervision step `step`, from 0. No other has it among 2^26 puzzles (a step is below 64); behind them the numbers
 * begin anew. */
static inline uint32_t solver_number(int64_t puzzle, int64_t step) { return (uint32_t)(puzzle * 64 + step); }

/* Products in bf16 are made for each size of group when it is first met: here, beforehand, for a caller that can fail. */
ltm_status solver_pass_prepare(struct solver_pass *pass, int puzzles, struct ltm_error *error);

/* Fit the latents of the group's puzzles, for the steps that follow; where the model has none, nothing. */
void solver_pass_fit(struct solver_pass *pass, const struct solver_group *group);

/* Behind that: given_nll and given_kl. */
void solver_pass_tell(struct solver_pass *pass, const struct solver_group *group);

/* How well z (G, N_z, d) tells the givens: nll (G, T) of each, and of `scale` times the sum of these times `weights` (G, T) the gradient:
 * dz, unless NULL, and dw (P) +=, unless NULL. */
void solver_pass_givens(struct solver_pass *pass, const struct solver_group *group, const float *z,
                        const float *weights, float *nll, float *dz, float scale, float *dw);

/* A step. Where products could not be prepared its losses are NaN. */
void solver_pass_run(struct solver_pass *pass, const struct solver_group *group);

/* The fit, a step, and the gradient of `scale` times the sum of the puzzles' losses, given block by block, from the last to the first.
 * The pass was made for it. */
void solver_pass_gradient(struct solver_pass *pass, const struct solver_group *group, float scale,
                          const struct gradient_taker *taker);
