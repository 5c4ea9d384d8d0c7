#include "solver/solver_fit.h"

#include <stdlib.h>

#include "base/memory.h"

ltm_status solver_fit_create(struct solver_fit *fit, const struct decoder *decoder,
                             const struct ltm_fast_config *config, int puzzles, struct ltm_error *error) {
    const int T = decoder->plan.config.sequence;
    *fit = (struct solver_fit){.config = config};
    PASS_UP(fast_loop_create(&fit->loop, decoder, config, puzzles, T, error));
    PASS_UP(NEW_ARRAY(fit->given, (size_t)puzzles * (size_t)T, "posteriors", error));
    fit->loop.weights = fit->given;
    return LTM_OK;
}

void solver_fit_free(struct solver_fit *fit) {
    fast_loop_free(&fit->loop);
    free(fit->given);
}

size_t solver_fit_bytes(const struct ltm_model_config *model, const struct ltm_fast_config *config, int puzzles) {
    return fast_loop_bytes(model, config, puzzles, model->sequence) +
           (size_t)puzzles * (size_t)model->sequence * sizeof(float);
}

void solver_fit_run(struct solver_fit *fit, const struct latent_gradient *gradient, const int32_t *givens, int count,
                    int empty, float kl_weight, struct noise_source noise) {
    const size_t cells = (size_t)count * (size_t)gradient->length;
    for (size_t i = 0; i < cells; i++) fit->given[i] = givens[i] == empty ? 0 : 1;
    fast_loop_start(&fit->loop, fit->config, count);
    fit->loop.kl_weight = kl_weight;
    noise.key.purpose = RANDOM_SOLVER_FIT;
    fast_loop_fit(&fit->loop, gradient, fit->config, &noise, count, NULL);
    noise.key.purpose = RANDOM_SOLVER_LATENT;
    fast_loop_draw(&fit->loop, &noise, count, 0);
    posterior_sample(fit->loop.z, fit->loop.mu, fit->loop.logvar, fit->loop.noise, (size_t)count * fit->loop.latents);
}
