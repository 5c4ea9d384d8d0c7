/* The rates of each slow.schedule, and how far they do not depend on the length of the run. */
#include <math.h>

#include "support/unit.h"

#include "train/schedule.h"

static struct ltm_slow_config settings(int schedule) {
    struct ltm_config c;
    ltm_config_defaults(&c);
    c.slow.schedule = schedule;
    c.slow.lr = 0.02;
    c.slow.warmup = 4;
    ltm_config_resolve(&c);
    return c.slow;
}

static void assert_rate(const struct ltm_slow_config *c, int64_t step, int64_t steps, double rate) {
    const double is = slow_rate(c, step, steps);
    if (!(fabs(is - rate) <= 1e-15))
        fail_msg("step %lld of %lld: %g, not %g", (long long)step, (long long)steps, is, rate);
}

static void all_warm_up_in_a_straight_line(void **state) {
    (void)state;
    for (int schedule = LTM_SLOW_COSINE; schedule <= LTM_SLOW_WSD; schedule++) {
        const struct ltm_slow_config c = settings(schedule);
        for (int step = 0; step < 4; step++) assert_rate(&c, step, 100, 0.005 * (step + 1));
        assert_rate(&c, 4, 100, 0.02);
        assert_rate(&c, 1, 2, 0.01); /* a run that ends within it */
        assert_rate(&c, 4, 4, 0.02);
    }
}

static void cosine_ends_at_a_tenth(void **state) {
    (void)state;
    const struct ltm_slow_config c = settings(LTM_SLOW_COSINE);
    assert_rate(&c, 54, 104, 0.011);
    assert_rate(&c, 29, 104, 0.002 + 0.018 * (0.5 + sqrt(0.125)));
    assert_rate(&c, 104, 104, 0.002);
    assert_int_equal(slow_steady_steps(&c, 104), 4);
}

static void linear_ends_at_zero_or_where_it_is_told(void **state) {
    (void)state;
    struct ltm_slow_config c = settings(LTM_SLOW_LINEAR);
    assert_rate(&c, 29, 104, 0.015);
    assert_rate(&c, 103, 104, 0.0002);
    assert_rate(&c, 104, 104, 0);
    assert_int_equal(slow_steady_steps(&c, 104), 4);
    c.lr_min = 0.01;
    assert_rate(&c, 54, 104, 0.015);
}

static void wsd_stays_and_then_falls(void **state) {
    (void)state;
    struct ltm_slow_config c = settings(LTM_SLOW_WSD);
    assert_int_equal(slow_steady_steps(&c, 100), 60);
    assert_rate(&c, 59, 100, 0.02);
    assert_rate(&c, 60, 100, 0.02);
    assert_rate(&c, 70, 100, 0.015);
    assert_rate(&c, 99, 100, 0.0005);
    assert_int_equal(slow_steady_steps(&c, 99), 59); /* the decay rounded up */
    assert_int_equal(slow_steady_steps(&c, 5), 4);   /* the warm-up goes first */
    c.decay = 0;
    assert_int_equal(slow_steady_steps(&c, 100), 100);
    assert_rate(&c, 99, 100, 0.02);
    c.decay = 1;
    assert_rate(&c, 52, 100, 0.01);
}

/* What resume_check builds on. */
static void steady_rates_are_those_of_any_longer_run(void **state) {
    (void)state;
    for (int schedule = LTM_SLOW_COSINE; schedule <= LTM_SLOW_WSD; schedule++) {
        const struct ltm_slow_config c = settings(schedule);
        for (int64_t steps = 1; steps < 40; steps++)
            for (int64_t step = 0; step < slow_steady_steps(&c, steps); step++)
                assert_true(slow_rate(&c, step, steps) == slow_rate(&c, step, 1000));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_warm_up_in_a_straight_line),           cmocka_unit_test(cosine_ends_at_a_tenth),
        cmocka_unit_test(linear_ends_at_zero_or_where_it_is_told),  cmocka_unit_test(wsd_stays_and_then_falls),
        cmocka_unit_test(steady_rates_are_those_of_any_longer_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
