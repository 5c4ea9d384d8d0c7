#include "train/growth.h"

#include "ltm/train.h"
#include "stages/model_shape.h"

static bool loops_grow(const struct ltm_config *config) {
    return model_loops(&config->model) > 1 && (config->loop.start > 0 || config->loop.full > 0);
}

bool growth_is_on(const struct ltm_config *config) {
    const bool late = config->model.latents > 0 && config->latent_start > 0;
    return config->slow.batch_start || config->slow.window_start || loops_grow(config) || late;
}

/* Of all sequences. */
static int64_t share_of(const struct ltm_config *config, double share) {
    return (int64_t)(share * (double)config->run.tokens / config->model.sequence);
}

/* Behind how many sequences latents begin. */
static int64_t latents_start(const struct ltm_config *c) { return c->model.latents ? share_of(c, c->latent_start) : 0; }

static int loops_behind(const struct ltm_config *c, int64_t sequences) {
    const int all = model_loops(&c->model);
    const int64_t start = share_of(c, c->loop.start);
    const int64_t full = share_of(c, c->loop.full);
    if (sequences < start) return 1;
    if (all == 1 || sequences >= full) return all;
    return 2 + (int)((__int128)(all - 2) * (sequences - start) / (full - start));
}

/* Behind how many sequences it is one more. */
static int64_t loops_next(const struct ltm_config *c, int now) {
    const int all = model_loops(&c->model);
    const int64_t start = share_of(c, c->loop.start);
    if (now == all) return INT64_MAX;
    if (now == 1) return start;
    return start + (int64_t)(((__int128)(now - 1) * (share_of(c, c->loop.full) - start) + all - 3) / (all - 2));
}

/* Sequences in which all is grown. */
static int64_t growing(const struct ltm_config *config) { return share_of(config, config->slow.growth); }

/* What grows from `from` (0: not at all) to `to` in `all` sequences, behind `done` of them; and behind how many it is one more. */
static int grown(int from, int to, int64_t done, int64_t all) {
    return from == 0 || done >= all ? to : from + (int)((__int128)(to - from) * done / all);
}

static int64_t grows_next(int from, int to, int now, int64_t all) {
    if (now == to || from == to) return INT64_MAX;
    return (int64_t)(((__int128)(now + 1 - from) * all + to - from - 1) / (to - from));
}

static struct growth growth_behind(const struct ltm_config *c, int64_t sequences) {
    const int64_t all = growing(c);
    return (struct growth){sequences, grown(c->slow.batch_start, c->slow.batch, sequences, all),
                           grown(c->slow.window_start, c->model.window, sequences, all), loops_behind(c, sequences),
                           sequences < latents_start(c)};
}

/* From a step on, the steps whose batch, window, loops and latents are its own: at most `most`, and no more than make `sequences` in all. */
static int64_t alike(const struct ltm_config *c, const struct growth *g, int64_t most, int64_t sequences) {
    const int64_t all = growing(c);
    const int64_t batch = grows_next(c->slow.batch_start, c->slow.batch, g->batch, all);
    const int64_t window = grows_next(c->slow.window_start, c->model.window, g->window, all);
    int64_t end = batch < window ? batch : window;
    const int64_t loops = loops_next(c, g->loops);
    if (loops < end) end = loops;
    if (g->plain && latents_start(c) < end) end = latents_start(c);
    if (sequences < end) end = sequences;
    if (end == INT64_MAX) return most;
    const int64_t steps = (end - g->sequences + g->batch - 1) / g->batch;
    return steps < most ? steps : most;
}

struct growth growth_at(const struct ltm_config *config, int64_t step) {
    struct growth g = growth_behind(config, 0);
    while (step > 0) {
        const int64_t steps = alike(config, &g, step, INT64_MAX);
        step -= steps;
        g = growth_behind(config, g.sequences + steps * g.batch);
    }
    return g;
}

int64_t growth_tokens(const struct ltm_config *config, int64_t step) {
    return growth_at(config, step).sequences * config->model.sequence;
}

double growth_position(const struct ltm_config *config, int64_t step) {
    return (double)growth_at(config, step).sequences / config->slow.batch;
}

int64_t growth_stretch(const struct ltm_config *config, struct growth *growth) {
    const int64_t all = (config->run.tokens + config->model.sequence - 1) / config->model.sequence;
    if (growth->sequences >= all) return 0;
    const int64_t steps = alike(config, growth, INT64_MAX, all);
    *growth = growth_behind(config, growth->sequences + steps * growth->batch);
    return steps;
}

int64_t ltm_training_steps(const struct ltm_config *config) {
    struct growth g = growth_at(config, 0);
    int64_t steps = 0;
    for (int64_t more; (more = growth_stretch(config, &g)) > 0;) steps += more;
    return steps;
}

int64_t ltm_training_tokens(const struct ltm_config *config) {
    struct growth g = growth_at(config, 0);
    while (growth_stretch(config, &g) > 0) continue;
    return g.sequences * config->model.sequence;
}
