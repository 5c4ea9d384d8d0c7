#include "train/group_gradient.h"

#include "config/chunks.h"
#include "math/vector.h"
#include "stages/model_shape.h"
#include "train/objective.h"
#include "train/stored_posteriors.h"
#include "train/teacher.h"

double group_kl_weight(const struct ltm_slow_config *slow, double step) {
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
    for (int g = 0; trainer->posteriors && g < group->count; g++)
        stored_posteriors_load(trainer->posteriors, &w->loop, g,
                               trainer->source->number(trainer->source, trainer->now.sequences + group->first + g));
    w->loop.kl_weight = (float)group_kl_weight(&c->slow, (double)trainer->now.sequences / c->slow.batch);
    fast_loop_run(&w->loop, w->pass, &c->fast, &noise, group->count, c->model.sequence, NULL);
}

/* How the encoder is to learn of the s-th draw: by the dz of the first fast step, which started where it said, or without one by that of the
 * slow step itself. Its noise is then in the loop. */
static struct start_gradient start_gradient(const struct group *group, int s, float *scale) {
    const struct trainer *trainer = group->trainer;
    const struct ltm_config *c = &trainer->config;
    struct fast_loop *loop = &group->w->loop;
    const bool fits = c->encoder_target == LTM_ENCODER_TARGET_FIT;
    const struct noise_source noise = group_fit_noise(group);
    for (int g = 0; g < group->count; g++)
        scale[g] = (float)(trainer->shares[(group->first + g) * c->slow.samples + s] / trainer->loss_units);
    if (c->fast.steps) fast_loop_draw(loop, &noise, group->count, 0);
    return (struct start_gradient){.noise = loop->noise,
                                   .dz = c->fast.steps ? loop->first_dz : loop->dz,
                                   .dz_scaled = c->fast.steps == 0,
                                   .scale = scale,
                                   .kl_weight = loop->kl_weight,
                                   .fit_mu = fits ? loop->mu : NULL,
                                   .fit_logvar = fits ? loop->logvar : NULL};
}

/* What is stored of the group's fits; without a fast step, a step by the slow step's own dz, each token's part of the loss undone. */
static void keep_posteriors(const struct group *group, const float *scale) {
    const struct ltm_config *c = &group->trainer->config;
    struct fast_loop *loop = &group->w->loop;
    if (c->fast.steps == 0) {
        for (int g = 0; g < group->count; g++)
            vector_scale(loop->dz + (size_t)g * loop->latents, 1 / scale[g], loop->latents);
        fast_loop_step(loop, &c->fast, group->count, c->model.sequence);
    }
    for (int g = 0; g < group->count; g++)
        stored_posteriors_leave(group->trainer->posteriors, loop, g, group->first + g);
}

/* Each chunk's gradient under what the state has become of the chunks before it. */
static void stream_gradient(const struct group *group, const struct draw_takers *takers) {
    struct trainer *trainer = group->trainer;
    struct worker *w = group->w;
    const struct ltm_config *c = &trainer->config;
    const struct noise_source noise = {{c->run.seed, RANDOM_SLOW_NOISE, (uint32_t)trainer->optimiser.count, 0, 0},
                                       w->numbers};
    const struct gradient_taker taker = takers->of_draw(takers->user, 0);
    const struct streaming_reading reading = {.tokens = w->tokens,
                                              .targets = w->targets,
                                              .weights = w->scaled,
                                              .nll = w->loop.nll,
                                              .noise = c->model.stream_noise ? &noise : NULL,
                                              .taker = &taker,
                                              .unit = 1 / trainer->batch_weight};
    for (int g = 0; g < group->count; g++) trainer->shares[group->first + g] = 1;
    scale_weights(group, 0);
    streaming_read(&w->streaming, w->pass, &reading, group->count, c->model.sequence);
    for (int g = 0; g < group->count; g++)
        trainer->scores[group->first + g] =
            (struct sequence_score){.recon = fast_loop_nll(&w->loop, g, 0, c->model.sequence)};
}

static void fitted_gradient(const struct group *group, const struct draw_takers *takers) {
    struct trainer *trainer = group->trainer;
    struct worker *w = group->w;
    const struct ltm_config *c = &trainer->config;
    const int T = c->model.sequence;
    const int S = c->slow.samples;
    const int first = group->first;
    const int count = group->count;
    const bool keeps = trainer->posteriors && !trainer->now.plain;
    const bool by_dz = !trainer->now.plain && (model_encodes(&c->model) || (keeps && c->fast.steps == 0));
    struct sequence_score *scores = trainer->scores + first;
    fast_loop_prior(&w->loop, count);
    if (!trainer->now.plain) fit_group(group);
    for (int g = 0; g < count; g++)
        scores[g] = (struct sequence_score){.kl = fast_loop_kl(&w->loop, g), .diverged = w->loop.diverged[g]};
    if (trainer->teacher) teacher_read(group);
    objective_of(c)->weigh(group, trainer->shares + (size_t)first * (size_t)S, scores);
    for (int s = 0; s < S; s++) {
        scale_weights(group, s);
        group_draw(group, s);
        struct start_gradient start;
        if (by_dz) start = start_gradient(group, s, w->start_scale);
        const struct gradient_taker taker = takers->of_draw(takers->user, s);
        if (trainer->teacher) teacher_aim(group);
        decoder_give_weight_gradient(w->pass, w->loop.z, w->scaled, w->loop.nll, by_dz ? &start : NULL, &taker);
        if (trainer->teacher) teacher_keep(group);
        for (int g = 0; g < count; g++) scores[g].recon += fast_loop_nll(&w->loop, g, 0, T) / S;
    }
    if (keeps) keep_posteriors(group, w->start_scale);
}

void group_gradient(const struct group *group, const struct draw_takers *takers) {
    const struct trainer *trainer = group->trainer;
    struct worker *w = group->w;
    const struct ltm_config *c = &trainer->config;
    const struct decoder_dropout dropout = {c->run.seed, (uint32_t)trainer->optimiser.count, w->numbers};
    decoder_drop_out(w->pass, &dropout);
    worker_begin(w, trainer->source, trainer->now.sequences + group->first, (uint32_t)group->first, group->count,
                 c->model.sequence);
    (model_streams(&c->model) ? stream_gradient : fitted_gradient)(group, takers);
    decoder_drop_out(w->pass, NULL);
}
