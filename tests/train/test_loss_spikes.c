/* What counts as a spike of the loss. */
#include <math.h>

#include "support/unit.h"

#include "base/random.h"
#include "train/loss_spikes.h"

/* Normal numbers about `mean`, of standard deviation 0.1. */
static double loss_at(int i, double mean) {
    float noise;
    random_normal(&noise, 1, (struct random_key){.seed = 3, .sequence = (uint32_t)i});
    return mean + 0.1 * (double)noise;
}

static void a_falling_noisy_loss_has_none_and_one_jump_is_one(void **state) {
    (void)state;
    struct loss_average average = {0};
    for (int i = 0; i < 3000; i++) assert_true(loss_spike(&average, loss_at(i, 3 + 6 * exp(-i / 300.0))) == 0);
    assert_true(fabs(sqrt(average.variance) - 0.1) < 0.03);
    const double spike = loss_spike(&average, 4);
    assert_true(spike > 7 && spike < 13);
    assert_true(loss_spike(&average, loss_at(3000, 3)) == 0);
    assert_true(loss_spike(&average, 4) > 5); /* the first did not hide the second */
}

static void a_loss_that_stays_high_is_soon_the_mean(void **state) {
    (void)state;
    struct loss_average average = {0};
    int spikes = 0;
    for (int i = 0; i < 200; i++) loss_spike(&average, loss_at(i, 3));
    for (int i = 200; i < 500; i++) spikes += loss_spike(&average, loss_at(i, 6)) > 0;
    assert_true(spikes >= 1 && spikes < 40);
    assert_true(fabs(average.mean - 6) < 0.3);
}

static void nothing_is_said_of_the_first_losses_or_of_those_that_never_change(void **state) {
    (void)state;
    struct loss_average average = {0};
    for (int i = 0; i < LOSS_SPIKE_FIRST; i++) assert_true(loss_spike(&average, i % 2 ? 100 : 1) == 0);
    average = (struct loss_average){0};
    for (int i = 0; i < 50; i++) assert_true(loss_spike(&average, 2) == 0);
    assert_true(loss_spike(&average, 1e6) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_falling_noisy_loss_has_none_and_one_jump_is_one),
        cmocka_unit_test(a_loss_that_stays_high_is_soon_the_mean),
        cmocka_unit_test(nothing_is_said_of_the_first_losses_or_of_those_that_never_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
