/* `iwae`: the importance-weighted bound -log 1/S Σ_s w_s, w_s = p(x|z_s) p(z_s) / q(z_s). Its gradient takes the share w_s / Σ w of
 * that of -log p(x|z_s) (Burda et al., "Importance weighted autoencoders", ICLR 2016), so every draw is scored before any
 * gradient is taken. */
#include <math.h>

#include "train/objective.h"

static void weigh(const struct group *group, double *shares, struct sequence_score *scores) {
    const struct fast_loop *loop = &group->w->loop;
    const int S = group->trainer->config.slow.samples;
    const int T = group->trainer->config.model.sequence;
    for (int s = 0; s < S; s++) {
        group_draw(group, s);
        decoder_score(group->w->pass, loop->z, loop->nll);
        for (int g = 0; g < group->count; g++) {
            const size_t at = (size_t)g * loop->latents;
            shares[g * S + s] = posterior_log_ratio(loop->z + at, loop->logvar + at, loop->noise + at, loop->latents) -
                                fast_loop_nll(loop, g, 0, T);
        }
    }
    for (int g = 0; g < group->count; g++) {
        double *share = shares + (size_t)g * (size_t)S;
        double most = share[0];
        double sum = 0;
        for (int s = 1; s < S; s++) most = fmax(most, share[s]);
        for (int s = 0; s < S; s++) sum += share[s] = exp(share[s] - most);
        for (int s = 0; s < S; s++) share[s] /= sum;
        scores[g].iwae = -most - log(sum / S);
    }
}

static double loss(const struct sequence_score *score) { return score->iwae; }

static ltm_status check(const struct ltm_config *config, struct ltm_error *error) {
    if (config->slow.samples > 1) return LTM_OK;
    return fail(error, LTM_INVALID,
                "slow.objective = iwae weighs several draws, but slow.samples = 1; use slow.samples = 2 or more");
}

const struct objective objective_iwae = {
    .name = "iwae",
    .help = "the gradient of the draws' importance-weighted bound",
    .passes = 4,
    .weigh = weigh,
    .loss = loss,
    .check = check,
};
