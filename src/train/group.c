#include "train/group.h"

static struct noise_source noise_of(const struct group *group, uint32_t purpose, uint32_t scoring) {
    const struct trainer *trainer = group->trainer;
    const bool scores = trainer->config.slow.objective == LTM_OBJECTIVE_DPO;
    const uint32_t step = scores ? 0 : (uint32_t)trainer->optimiser.count;
    return (struct noise_source){{trainer->config.run.seed, scores ? scoring : purpose, step, 0, 0}, group->w->numbers};
}

struct noise_source group_fit_noise(const struct group *group) {
    return noise_of(group, RANDOM_FAST_NOISE, RANDOM_SCORE_FIT);
}

/* The published program keeps the fit's noise for the slow step too. */
void group_draw(const struct group *group, int sample) {
    const bool fixed = group->trainer->config.fast.noise == LTM_NOISE_FIXED;
    const struct noise_source source =
        noise_of(group, fixed ? RANDOM_FAST_NOISE : RANDOM_SLOW_NOISE, RANDOM_SCORE_NOISE);
    struct fast_loop *loop = &group->w->loop;
    fast_loop_draw(loop, &source, group->count, sample);
    posterior_sample(loop->z, loop->mu, loop->logvar, loop->noise, (size_t)group->count * loop->latents);
}
