#include "train/growth.h"

#include "ltm/train.h"

bool growth_is_on(const struct ltm_config *config) { return config->slow.batch_start || config->slow.window_start; }

/* Sequences in which all is grown. */
static int64_t growing(const struct ltm_config *config) {
    return (int64_t)(config->slow.growth * (double)config->run.tokens / config->model.sequence);
}

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
                           grown(c->slow.window_start, c->model.window, sequences, all)};
}

/* From a step on, the steps whose batch and window are its own: at most `most`, and no more than make `sequences` in all. */
static int64_t alike(const struct ltm_config *c, const struct growth *g, int64_t most, int64_t sequences) {
    const int64_t all = growing(c);
    const int64_t batch = grows_next(c->slow.batch_start, c->slow.batch, g->batch, all);
    const int64_t window = grows_next(c->slow.window_start, c->model.window, g->window, all);
    int64_t end = batch < window ? batch : window;
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
