#include "train/group_gradient.h"

#include "stages/model_shape.h"
#include "train/objective.h"

/* Weight of the KL in the fast loop of slow step `step` (from 0). */
static double kl_weight(const struct ltm_slow_config *slow, double step) {
    if (step >= slow->kl_warmup) return 1;
    return slow->kl_start + (1 - slow->kl_start) * step / slow->kl_warmup;
}

/* What each token of the group counts in the loss of its s-th draw: its part of what the loss is a mean of, times the draw's. */
static void scale_weights(const struct group *group, int s) {
    const struct trainer *trainer = group->trainer;
    const struct fast_loop *loop = &group->w->loop;
    const int S = trainer->config.slow.samples;
    const size_t T = (size_t)trainer->config.model.sequence;
    for (int g = 0; g < group->count; g++) {
        const float scale = (float)(trainer->shares[(group->first + g) * S + s] / trainer->loss_units);
        for (size_t i = (size_t)g * T; i < (size_t)(g + 1) * T; i++)
            group->w->scaled[i] = loop->weights ? loop->weights[i] * scale : scale;
    }
}

static void fit_group(const struct group *group) {
    const struct trainer *trainer = group->trainer;
    const struct ltm_config *c = &trainer->config;
    struct worker *w = group->w;
    const struct noise_source noise = group_fit_noise(group);
    fast_loop_start(&w->loop, &c->fast, group->count);
    w->loop.kl_weight = (float)kl_weight(&c->slow, (double)trainer->now.sequences / c->slow.batch);
    fast_loop_run(&w->loop, w->pass, &c->fast, &noise, group->count, c->model.sequence, NULL);
}

/* How the encoder is to learn of the s-th draw: by the dz of the first fast step, which started where it said, or without one by that of the
 * slow step itself. Its noise is then in the loop. */
static struct start_gradient start_gradient(const struct group *group, int s, float *scale) {
    const struct trainer *trainer = group->trainer;
    const struct ltm_config *c = &trainer->config;
    struct fast_loop *loop = &group->w->loop;
    const struct noise_source noise = group_fit_noise(group);
    for (int g = 0; g < group->count; g++)
        scale[g] = (float)(trainer->shares[(group->first + g) * c->slow.samples + s] / trainer->loss_units);
    if (c->fast.steps) fast_loop_draw(loop, &noise, group->count, 0);
    return (struct start_gradient){.noise = loop->noise,
                                   .dz = c->fast.steps ? loop->first_dz : loop->dz,
                                   .dz_scaled = c->fast.steps == 0,
                                   .scale = scale,
                                   .kl_weight = loop->kl_weight};
}

void group_gradient(const struct group *group, const struct draw_takers *takers) {
    struct trainer *trainer = group->trainer;
    struct worker *w = group->w;
    const struct ltm_config *c = &trainer->config;
    const int T = c->model.sequence;
    const int S = c->slow.samples;
    const int first = group->first;
    const int count = group->count;
    const bool encodes = model_encodes(&c->model) && !trainer->now.plain;
    struct sequence_score *scores = trainer->scores + first;
    const struct decoder_dropout dropout = {c->run.seed, (uint32_t)trainer->optimiser.count, w->numbers};
    decoder_drop_out(w->pass, &dropout);
    worker_begin(w, trainer->source, trainer->now.sequences + first, (uint32_t)first, count, T);
    fast_loop_prior(&w->loop, count);
    if (!trainer->now.plain) fit_group(group);
    for (int g = 0; g < count; g++)
        scores[g] = (struct sequence_score){.kl = fast_loop_kl(&w->loop, g), .diverged = w->loop.diverged[g]};
    objective_of(c)->weigh(group, trainer->shares + (size_t)first * (size_t)S, scores);
    for (int s = 0; s < S; s++) {
        scale_weights(group, s);
        group_draw(group, s);
        struct start_gradient start;
        if (encodes) start = start_gradient(group, s, w->start_scale);
        const struct gradient_taker taker = takers->of_draw(takers->user, s);
        decoder_give_weight_gradient(w->pass, w->loop.z, w->scaled, w->loop.nll, encodes ? &start : NULL, &taker);
        for (int g = 0; g < count; g++) scores[g].recon += fast_loop_nll(&w->loop, g, 0, T) / S;
    }
    decoder_drop_out(w->pass, NULL);
}
