#include "train/group.h"

/* The published program keeps the fit's noise for the slow step too. */
void group_draw(const struct group *group, int sample) {
    const struct ltm_config *c = &group->trainer->config;
    const uint32_t purpose = c->fast.noise == LTM_NOISE_FIXED ? RANDOM_FAST_NOISE : RANDOM_SLOW_NOISE;
    const uint32_t step = (uint32_t)group->trainer->optimiser.count;
    const struct noise_source source = {{c->run.seed, purpose, step, 0, 0}, group->w->numbers};
    struct fast_loop *loop = &group->w->loop;
    fast_loop_draw(loop, &source, group->count, sample);
    posterior_sample(loop->z, loop->mu, loop->logvar, loop->noise, (size_t)group->count * loop->latents);
}
