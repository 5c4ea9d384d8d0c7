/* The latents of puzzles (latent.count > 0): z (N_z, d) of each, with the prior N(0, I) and a posterior that the fast loop fits to the
 * puzzle's givens, and to nothing else: -log p(givens | z), by f from the cells' places and z alone, + KL. An empty cell is not given
 * ('0'; mazes and boards have none). */
#pragma once

#include "latent/fast_loop.h"

struct solver_fit {
    const struct ltm_fast_config *config;
    struct fast_loop loop; /* z is the draw to solve with; its weights … */
    float *given;          /* … (G, T): 1 where a cell is given, else 0 */
};

/* For groups of up to `puzzles`. Borrows config, of which fast.lr is not auto. */
ltm_status solver_fit_create(struct solver_fit *fit, const struct decoder *decoder,
                             const struct ltm_fast_config *config, int puzzles, struct ltm_error *error);
void solver_fit_free(struct solver_fit *fit);
size_t solver_fit_bytes(const struct ltm_model_config *model, const struct ltm_fast_config *config, int puzzles);

/* Fit the posteriors of `count` puzzles to what is given of them, (count, T), `empty` being the token of an empty cell or -1, and draw z. kl_weight: of
 * the KL relative to the likelihood, as in latent/fast_loop.h. */
void solver_fit_run(struct solver_fit *fit, const struct latent_gradient *gradient, const int32_t *givens, int count,
                    int empty, float kl_weight, struct noise_source noise);
