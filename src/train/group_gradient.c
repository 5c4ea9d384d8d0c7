#include "train/group_gradient.h"

#include <math.h>

/* Weight of the KL in the fast loop of slow step `step` (from 0). */
static double kl_weight(const struct ltm_slow_config *slow, int64_t step) {
    if (step >= slow->kl_warmup) return 1;
    return slow->kl_start + (1 - slow->kl_start) * (double)step / slow->kl_warmup;
}

/* z = μ + σ ε with noise that the fit has not seen. The published program keeps the fit's noise for the slow step too. */
static void draw(const struct group *group, int sample) {
    const struct ltm_config *c = &group->trainer->config;
    const uint32_t purpose = c->fast.noise == LTM_NOISE_FIXED ? RANDOM_FAST_NOISE : RANDOM_SLOW_NOISE;
    const uint32_t step = (uint32_t)group->trainer->adam.count;
    const struct noise_source source = {{c->run.seed, purpose, step, 0, 0}, group->w->numbers};
    struct fast_loop *loop = &group->w->loop;
    fast_loop_draw(loop, &source, group->count, sample);
    posterior_sample(loop->z, loop->mu, loop->logvar, loop->noise, (size_t)group->count * loop->latents);
}

/* -log p(x|z) of the group's sequence g, as last computed. */
static double nll_of(const struct group *group, int g) {
    return fast_loop_nll(&group->w->loop, g, 0, group->trainer->config.model.sequence);
}

/* What each token of the group counts in the loss of its s-th draw: its part of all the batch's weights, times the draw's. */
static void scale_weights(const struct group *group, int s) {
    const struct trainer *trainer = group->trainer;
    const struct fast_loop *loop = &group->w->loop;
    const int S = trainer->config.slow.samples;
    const size_t T = (size_t)trainer->config.model.sequence;
    for (int g = 0; g < group->count; g++) {
        const double share = trainer->shares ? trainer->shares[(group->first + g) * S + s] : 1.0 / S;
        const float scale = (float)(share / trainer->batch_weight);
        for (size_t i = (size_t)g * T; i < (size_t)(g + 1) * T; i++)
            group->w->scaled[i] = loop->weights ? loop->weights[i] * scale : scale;
    }
}

/* The gradient of -log 1/S Σ_s w_s, w_s = p(x|z_s) p(z_s) / q(z_s), takes the share w_s / Σ w of that of -log p(x|z_s) (Burda
 * et al., 2016). */
static void weigh_draws(const struct group *group) {
    const int S = group->trainer->config.slow.samples;
    const struct fast_loop *loop = &group->w->loop;
    double *shares = group->trainer->shares + (size_t)group->first * (size_t)S;
    for (int s = 0; s < S; s++) {
        draw(group, s);
        decoder_score(group->w->pass, loop->z, loop->nll);
        for (int g = 0; g < group->count; g++) {
            const size_t at = (size_t)g * loop->latents;
            shares[g * S + s] = posterior_log_ratio(loop->z + at, loop->logvar + at, loop->noise + at, loop->latents) -
                                nll_of(group, g);
        }
    }
    for (int g = 0; g < group->count; g++) {
        double *share = shares + (size_t)g * (size_t)S;
        double most = share[0];
        double sum = 0;
        for (int s = 1; s < S; s++) most = fmax(most, share[s]);
        for (int s = 0; s < S; s++) sum += share[s] = exp(share[s] - most);
        for (int s = 0; s < S; s++) share[s] /= sum;
        group->trainer->scores[group->first + g].iwae = -most - log(sum / S);
    }
}

void group_gradient(const struct group *group, const struct draw_takers *takers) {
    struct trainer *trainer = group->trainer;
    struct worker *w = group->w;
    const struct ltm_config *c = &trainer->config;
    const int T = c->model.sequence;
    const int S = c->slow.samples;
    const int first = group->first;
    const int count = group->count;
    const struct noise_source fit = {{c->run.seed, RANDOM_FAST_NOISE, (uint32_t)trainer->adam.count, 0, 0}, w->numbers};
    struct sequence_score *scores = trainer->scores + first;
    worker_begin(w, trainer->source, trainer->first + first, (uint32_t)first, count, T);
    fast_loop_start(&w->loop, &c->fast, count);
    w->loop.kl_weight = (float)kl_weight(&c->slow, trainer->adam.count);
    fast_loop_run(&w->loop, w->pass, &c->fast, &fit, count, T, NULL);
    for (int g = 0; g < count; g++)
        scores[g] = (struct sequence_score){.kl = fast_loop_kl(&w->loop, g), .diverged = w->loop.diverged[g]};
    if (trainer->shares) weigh_draws(group);
    for (int s = 0; s < S; s++) {
        scale_weights(group, s);
        draw(group, s);
        const struct gradient_taker taker = takers->of_draw(takers->user, s);
        decoder_give_weight_gradient(w->pass, w->loop.z, w->scaled, w->loop.nll, &taker);
        for (int g = 0; g < count; g++) scores[g].recon += nll_of(group, g) / S;
    }
}
