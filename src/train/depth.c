#include "train/depth.h"

#include <math.h>

#include "base/random.h"
#include "stages/model_shape.h"

static bool is_sampled(const struct ltm_config *config, int loops) {
    return config->loop.depth == LTM_LOOP_DEPTH_SAMPLED && loops > 1;
}

static int most(const struct ltm_config *config) { return LTM_LOOP_DEPTH_TIMES * model_loops(&config->model); }

/* 1 + the Poisson number that the uniform one stands for. */
int depth_at(const struct ltm_config *config, int loops, int64_t step) {
    const double spread = 0.5;
    struct random_key key = {.seed = config->run.seed, .purpose = RANDOM_DEPTH, .step = (uint32_t)step};
    float normal;
    if (!is_sampled(config, loops)) return loops;
    random_normal(&normal, 1, key);
    key.fast = 1;
    const double rate = exp(log(loops) - spread * spread / 2 + spread * (double)normal);
    double left = random_uniform(key, 0);
    double p = exp(-rate);
    int more = 0;
    while (left >= p && more < most(config) - 1) {
        left -= p;
        p *= rate / ++more;
    }
    return 1 + more;
}

int depth_mean(const struct ltm_config *config, int loops) { return loops + (is_sampled(config, loops) ? 1 : 0); }

struct ltm_model_config depth_model(const struct ltm_config *config) {
    struct ltm_model_config model = config->model;
    if (is_sampled(config, model_loops(&model))) model.loops = most(config);
    return model;
}
