/* The plain decoder to compare with has the parameters, or the compute, of the model with latents. */
#include "support/unit.h"

#include <math.h>

#include "ltm/model.h"
#include "ltm/train.h"
#include "ltm/twin.h"
#include "train/trainer.h"

static struct ltm_error error;

static struct ltm_config config_of(int dim, int layers, int heads, int kv_heads, int latents, int steps) {
    struct ltm_config c;
    ltm_config_defaults(&c);
    c.model.dim = dim;
    c.model.layers = layers;
    c.model.heads = heads;
    c.model.kv_heads = kv_heads;
    c.model.vocab = 2000;
    c.model.latents = latents;
    c.fast.steps = steps;
    return c;
}

static struct ltm_config twin_of(const struct ltm_config *c, enum ltm_twin kind) {
    struct ltm_config twin;
    if (ltm_config_twin(&twin, c, kind, &error) != LTM_OK) fail_msg("%s", error.message);
    assert_int_equal(twin.model.latents, 0);
    assert_int_equal(twin.model.layers, c->model.layers);
    assert_int_equal(ltm_config_check(&twin, &error), LTM_OK);
    return twin;
}

static double compute(const struct ltm_config *c) { return ltm_training_flops(c) * (double)ltm_training_tokens(c); }

static void assert_near(double a, double b, double share) {
    if (!(fabs(a / b - 1) <= share)) fail_msg("%g is not within %g of %g", a, share, b);
}

static const int shapes[][6] = {
    /* dim, layers, heads, kv_heads, latents, fast steps */
    {64, 2, 2, LTM_AUTO, 8, 8}, {128, 3, 4, 4, 24, 16}, {128, 3, 8, 2, 24, 2},
    {512, 12, 8, 8, 96, 1},     {16, 1, 2, 1, 2, 0},
};

static void parameters_and_compute_are_equal(void **state) {
    (void)state;
    for (size_t i = 0; i < 2 * (sizeof shapes / sizeof *shapes); i++) {
        const int *s = shapes[i / 2];
        struct ltm_config c = config_of(s[0], s[1], s[2], s[3], s[4], s[5]);
        c.slow.batch = 8;
        c.slow.optimiser = i % 2 ? LTM_OPTIMISER_MUON : LTM_OPTIMISER_ADAMW; /* whose update is work too */
        const double parameters = (double)ltm_parameter_count(&c.model);
        /* A column of every layer's three SwiGLU matrices is the least that can be added. */
        const double column = 3.0 * s[0] * s[1];
        struct ltm_config twin = twin_of(&c, LTM_TWIN_PARAMETERS);
        assert_near((double)ltm_parameter_count(&twin.model), parameters, 0.5 * column / parameters + 1e-12);
        assert_int_equal(twin.model.dim, s[0]);
        assert_true(twin.run.tokens == c.run.tokens);

        twin = twin_of(&c, LTM_TWIN_COMPUTE);
        assert_near((double)ltm_parameter_count(&twin.model), parameters, 0.5 * column / parameters + 1e-12);
        assert_near(compute(&twin), compute(&c), 0.5 / (double)ltm_training_steps(&twin) + 1e-12);

        twin = twin_of(&c, LTM_TWIN_WIDTH);
        assert_near(compute(&twin), compute(&c), 0.01);
        assert_true(twin.run.tokens == c.run.tokens && twin.model.dim / twin.model.heads == s[0] / s[2]);
    }
}

static void a_twin_has_no_memory(void **state) {
    (void)state;
    struct ltm_config c = config_of(64, 2, 2, LTM_AUTO, 0, 0);
    const int64_t without = ltm_parameter_count(&c.model);
    c.model.memory = LTM_MEMORY_NEURAL;
    const struct ltm_config twin = twin_of(&c, LTM_TWIN_PARAMETERS);
    assert_int_equal(twin.model.memory, LTM_MEMORY_NONE);
    assert_true(ltm_parameter_count(&c.model) > without);
    assert_near((double)ltm_parameter_count(&twin.model), (double)ltm_parameter_count(&c.model), 0.01);
    const struct ltm_config more = twin_of(&c, LTM_TWIN_COMPUTE);
    assert_near(compute(&more), compute(&c), 0.02);
}

static void full_attention_changes_the_window_alone(void **state) {
    (void)state;
    struct ltm_config c = config_of(64, 2, 2, 2, 8, 8);
    struct ltm_config twin = twin_of(&c, LTM_TWIN_ATTENTION);
    struct ltm_config windowed = twin_of(&c, LTM_TWIN_PARAMETERS);
    assert_int_equal(twin.model.window, c.model.sequence);
    assert_int_equal(ltm_parameter_count(&twin.model), ltm_parameter_count(&windowed.model));
    twin = twin_of(&windowed, LTM_TWIN_ATTENTION); /* a plain decoder has this twin too */
    windowed.model.window = windowed.model.sequence;
    assert_true(compute(&twin) == compute(&windowed));
    assert_int_equal(ltm_config_twin(&twin, &windowed, LTM_TWIN_ATTENTION, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "already the decoder with full attention"));
}

static void what_has_no_twin_is_refused(void **state) {
    (void)state;
    struct ltm_config twin;
    struct ltm_config c = config_of(64, 2, 2, 2, 0, 8);
    assert_int_equal(ltm_config_twin(&twin, &c, LTM_TWIN_PARAMETERS, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "already a plain decoder"));
    c = config_of(64, 2, 2, 2, 8, 8);
    c.model.vocab = LTM_AUTO;
    assert_int_equal(ltm_config_twin(&twin, &c, LTM_TWIN_COMPUTE, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "vocabulary"));
    assert_int_equal(ltm_config_twin(&twin, &c, LTM_TWIN_PARAMETERS, &error), LTM_OK);
    c.model.heads = 3;
    assert_int_equal(ltm_config_twin(&twin, &c, LTM_TWIN_PARAMETERS, &error), LTM_INVALID);
    c = config_of(64, 2, 2, 2, 8, 1000);
    c.run.tokens = 1000000000000000000; /* the most; the twin would read hundreds of times as many */
    assert_int_equal(ltm_config_twin(&twin, &c, LTM_TWIN_COMPUTE, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "tokens"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_and_compute_are_equal),
        cmocka_unit_test(a_twin_has_no_memory),
        cmocka_unit_test(full_attention_changes_the_window_alone),
        cmocka_unit_test(what_has_no_twin_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
