/* Batch and window that grow, against a walk step by step; and what goes by them. */
#include <math.h>

#include "support/small_config.h"
#include "support/unit.h"

#include "ltm/model.h"
#include "ltm/train.h"
#include "train/depth.h"
#include "train/growth.h"
#include "train/schedule.h"
#include "train/trainer.h"

enum { T = 8 };

static struct ltm_config settings(int batch_start, int batch, int window_start, int window, double growth,
                                  int64_t tokens) {
    struct ltm_config c = small_config(40, T);
    c.slow.batch_start = batch_start;
    c.slow.batch = batch;
    c.slow.window_start = window_start;
    c.model.window = window;
    c.slow.growth = growth;
    c.run.tokens = tokens;
    ltm_config_resolve(&c);
    return c;
}

static int naive(int from, int to, int64_t done, int64_t all) {
    if (from == 0 || done >= all) return to;
    return from + (int)((to - from) * done / all);
}

static int naive_loops(const struct ltm_config *c, int64_t sequences) {
    const int64_t start = (int64_t)(c->loop.start * (double)c->run.tokens / T);
    const int64_t full = (int64_t)(c->loop.full * (double)c->run.tokens / T);
    if (c->model.loops <= 1 || sequences < start) return 1;
    for (int loops = 2; loops < c->model.loops; loops++)
        if ((sequences - start) * (c->model.loops - 2) < (loops - 1) * (full - start)) return loops;
    return c->model.loops;
}

static void check_walk(struct ltm_config c) {
    const int64_t all = (int64_t)(c.slow.growth * (double)c.run.tokens / T);
    int64_t sequences = 0;
    int64_t step = 0;
    double work = 0;
    for (; sequences * T < c.run.tokens; step++) {
        const struct growth g = growth_at(&c, step);
        assert_int_equal(g.sequences, sequences);
        assert_int_equal(g.batch, naive(c.slow.batch_start, c.slow.batch, sequences, all));
        assert_int_equal(g.window, naive(c.slow.window_start, c.model.window, sequences, all));
        assert_int_equal(g.loops, naive_loops(&c, sequences));
        assert_int_equal(g.plain, sequences < (int64_t)(c.latent_start * (double)c.run.tokens / T));
        assert_true(growth_position(&c, step) == (double)sequences / c.slow.batch);
        work += g.batch * trainer_flops(&c, &g);
        sequences += g.batch;
    }
    assert_int_equal(ltm_training_steps(&c), step);
    assert_int_equal(ltm_training_tokens(&c), sequences * T);
    assert_int_equal(growth_tokens(&c, step), sequences * T);
    assert_true(fabs(ltm_training_flops(&c) * (double)sequences - work) <= 1e-12 * work);
}

static void steps_are_those_of_a_walk(void **state) {
    (void)state;
    check_walk(settings(0, 6, 0, 8, 0.5, 5000));
    check_walk(settings(1, 6, 0, 8, 0.5, 5000));
    check_walk(settings(0, 6, 1, 8, 0.5, 5000));
    check_walk(settings(3, 17, 2, 8, 0.7, 20011));
    check_walk(settings(5, 5, 8, 8, 0.7, 999));
    check_walk(settings(2, 300, 1, 7, 1, 7000)); /* it ends while it grows, faster than one a step */
    check_walk(settings(2, 30, 1, 7, 0, 7000));  /* full from the first */
    check_walk(settings(7, 9, 3, 4, 0.01, 100));
    struct ltm_config muon = settings(3, 17, 2, 8, 0.7, 20011); /* whose update costs a token of a small batch more */
    muon.slow.optimiser = LTM_OPTIMISER_MUON;
    check_walk(muon);
}

static struct ltm_config looping(int loops, double start, double full) {
    struct ltm_config c = settings(2, 6, 1, 8, 0.5, 5000);
    c.model.loops = loops;
    c.loop.start = start;
    c.loop.full = full;
    return c;
}

static void loops_begin_one_after_another(void **state) {
    (void)state;
    check_walk(looping(1, 0.5, 0.7));
    check_walk(looping(2, 0.5, 0));
    check_walk(looping(4, 0.5, 0.7));
    check_walk(looping(4, 0, 0.7));
    check_walk(looping(5, 0.3, 0.3));
    check_walk(looping(300, 0.1, 1));
    const struct ltm_config c = looping(4, 0.5, 0.8);
    assert_true(growth_is_on(&c));
    assert_int_equal(growth_at(&c, 0).loops, 1);
    assert_int_equal(growth_at(&c, ltm_training_steps(&c)).loops, 4);
}

/* Before latents begin a slow step costs what the plain decoder's does; no latents, nothing that could begin. */
static void latents_begin_late(void **state) {
    (void)state;
    struct ltm_config c = looping(4, 0.5, 0.7);
    c.latent_start = 0.6;
    check_walk(c);
    c = settings(0, 6, 0, 8, 0.5, 5000);
    const double with = ltm_training_flops(&c);
    struct ltm_config plain = c;
    plain.model.latents = 0;
    c.latent_start = 1;
    check_walk(c);
    assert_true(ltm_training_flops(&c) == ltm_training_flops(&plain));
    c.latent_start = 0.75;
    check_walk(c);
    assert_true(growth_at(&c, 0).plain && !growth_at(&c, ltm_training_steps(&c)).plain);
    assert_true(fabs(ltm_training_flops(&c) - (0.75 * ltm_training_flops(&plain) + 0.25 * with)) < 0.01 * with);
    plain.latent_start = 0.75;
    assert_false(growth_is_on(&plain));
}

/* Mean and spread of 1 + Poisson(log-normal), by counting; none beyond four times as many. */
static void sampled_depths_are_those_of_their_distribution(void **state) {
    (void)state;
    enum { DRAWS = 20000 };
    struct ltm_config c = looping(4, 0, 0);
    double sum = 0;
    double squares = 0;
    assert_int_equal(depth_at(&c, 4, 7), 4);
    c.loop.depth = LTM_LOOP_DEPTH_SAMPLED;
    for (int64_t step = 0; step < DRAWS; step++) {
        const int depth = depth_at(&c, 4, step);
        assert_true(depth >= 1 && depth <= depth_model(&c).loops);
        assert_int_equal(depth, depth_at(&c, 4, step));
        sum += depth;
        squares += (double)depth * depth;
    }
    const double mean = sum / DRAWS;
    const double variance = squares / DRAWS - mean * mean;
    assert_true(fabs(mean - depth_mean(&c, 4)) < 0.1);
    assert_true(fabs(variance - (4 + 16 * expm1(0.25))) < 0.6); /* of the Poisson number, and of its rate */
    assert_int_equal(depth_at(&c, 1, 7), 1);
    assert_int_equal(depth_model(&c).loops, 16);
}

/* The whole figures of a run that does not grow, to the bit. */
static void what_does_not_grow_is_as_it_was(void **state) {
    (void)state;
    const struct ltm_config c = settings(0, 6, 0, 8, 0.5, 5000);
    assert_false(growth_is_on(&c));
    assert_int_equal(ltm_training_steps(&c), (5000 + 47) / 48);
    for (int64_t step = 0; step < 110; step++) {
        assert_true(growth_position(&c, step) == (double)step);
        assert_int_equal(growth_tokens(&c, step), step * 48);
    }
    assert_true(ltm_training_flops(&c) == trainer_flops(&c, &(struct growth){.batch = 6, .window = 8, .loops = 1}));
}

static void a_window_that_grows_makes_training_cheaper(void **state) {
    (void)state;
    const struct ltm_config full = settings(0, 6, 0, 8, 0.5, 50000);
    const struct ltm_config grows = settings(0, 6, 1, 8, 0.5, 50000);
    assert_true(ltm_training_flops(&grows) < ltm_training_flops(&full));
    assert_true(ltm_training_flops(&grows) >
                trainer_flops(&full, &(struct growth){.batch = 6, .window = 1, .loops = 1}));
}

/* Three forward passes of work with a gradient, two a fast step; one without it where loops have none. */
static void loops_that_are_left_out_cost_nothing(void **state) {
    (void)state;
    struct ltm_config c = settings(0, 6, 0, 8, 0.5, 5000);
    const struct growth four = {.batch = 6, .window = 8, .loops = 4};
    double forward[5];
    c.model.inject = LTM_INJECT_ADD;
    for (c.model.loops = 1; c.model.loops <= 4; c.model.loops++) forward[c.model.loops] = ltm_forward_flops(&c.model);
    c.model.loops = 4;
    c.fast.steps = 2;
    assert_true(fabs(trainer_flops(&c, &four) - 7 * forward[4]) <= 1e-12 * 7 * forward[4]);
    c.fast.loops = 3;
    assert_true(fabs(trainer_flops(&c, &four) - 3 * forward[4] - 4 * forward[3]) <= 1e-12 * 7 * forward[4]);
    c.model.backprop = 2;
    assert_true(fabs(trainer_flops(&c, &four) - forward[4] - 2 * forward[2] - 2 * (forward[3] + forward[2])) <=
                1e-12 * 7 * forward[4]);
    const double added = trainer_flops(&c, &four);
    const double product = 4.0 * c.model.dim * c.model.dim; /* begins loops */
    c.model.inject = LTM_INJECT_CONCAT;
    assert_true(fabs(trainer_flops(&c, &four) - added - (3 + 2 * 2 + 2 * (2 + 1)) * product) <= 1e-12 * 7 * forward[4]);
}

/* A rate is that of the tokens, whatever batches they came in. */
static void rates_go_by_tokens(void **state) {
    (void)state;
    struct ltm_config c = settings(2, 20, 0, 8, 0.8, 200000);
    c.slow.warmup = 5;
    const double steps = growth_position(&c, ltm_training_steps(&c));
    const double batch = 20.0 * T;
    for (int64_t step = 0; step < ltm_training_steps(&c); step += 7) {
        const double done = (double)growth_tokens(&c, step) / batch;
        assert_true(slow_rate(&c.slow, growth_position(&c, step), steps) == slow_rate(&c.slow, done, steps));
    }
    assert_true(slow_rate(&c.slow, growth_position(&c, 3), steps) < c.slow.lr); /* three small batches are no warm-up */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_a_walk),
        cmocka_unit_test(loops_begin_one_after_another),
        cmocka_unit_test(latents_begin_late),
        cmocka_unit_test(sampled_depths_are_those_of_their_distribution),
        cmocka_unit_test(what_does_not_grow_is_as_it_was),
        cmocka_unit_test(a_window_that_grows_makes_training_cheaper),
        cmocka_unit_test(loops_that_are_left_out_cost_nothing),
        cmocka_unit_test(rates_go_by_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
