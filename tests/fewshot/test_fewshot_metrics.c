/* pass@k, means and standard errors against numbers worked out by hand. */
#include <math.h>

#include "support/unit.h"

#include "fewshot/fewshot_metrics.h"

static void near(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-12 * (1 + fabs(expected)))) fail_msg("%.15g, not %.15g", value, expected);
}

static void pass_at_k_is_unbiased(void **state) {
    (void)state;
    near(pass_at_k(5, 2, 1), 0.4);
    near(pass_at_k(5, 2, 3), 0.9); /* 1 - C(3, 3) / C(5, 3) */
    near(pass_at_k(5, 2, 4), 1);   /* four of five hold one of the two */
    near(pass_at_k(10, 3, 5), 1 - 21.0 / 252);
    near(pass_at_k(7, 0, 7), 0);
    near(pass_at_k(7, 7, 1), 1);
    near(pass_at_k(1, 1, 1), 1);
    /* Every way to draw k of n, counted: the estimate is the share of draws that hold a right one. */
    for (int n = 1; n <= 8; n++)
        for (int c = 0; c <= n; c++)
            for (int k = 1; k <= n; k++) {
                int draws = 0;
                int good = 0;
                for (int set = 0; set < 1 << n; set++) {
                    if (__builtin_popcount((unsigned)set) != k) continue;
                    draws++;
                    good += (set & ((1 << c) - 1)) != 0;
                }
                near(pass_at_k(n, c, k), (double)good / draws);
            }
}

static void the_first_of_equals_is_largest(void **state) {
    (void)state;
    assert_int_equal(largest((const double[]){-3, -1, -1, -2}, 4), 1);
    assert_int_equal(largest((const double[]){-3}, 1), 0);
}

static void means_are_over_items_that_have_the_metric(void **state) {
    (void)state;
    struct item_outcome outcomes[4] = {{0}};
    struct ltm_fewshot_metric *metrics;
    int count;
    static const double acc[] = {1, 0, 0, 1};
    for (int i = 0; i < 4; i++) assert_int_equal(outcome_add(&outcomes[i], "acc", "none", acc[i], NULL), LTM_OK);
    outcome_add(&outcomes[1], "acc@frequency=high", "none", 0.25, NULL);
    outcome_add(&outcomes[3], "acc@frequency=high", "none", 0.75, NULL);
    outcome_add(&outcomes[2], "perplexity", "none", -1, NULL);
    outcome_add(&outcomes[3], "perplexity", "none", -3, NULL);
    outcome_add(&outcomes[3], "acc", "extract", 1, NULL); /* another filter is another metric */
    assert_int_equal(outcomes_average(&metrics, &count, outcomes, 4, NULL), LTM_OK);
    assert_int_equal(count, 4);
    assert_string_equal(metrics[0].name, "acc");
    near(metrics[0].value, 0.5);
    near(metrics[0].error, sqrt((4 * 0.25) / 3) / 2);
    assert_int_equal(metrics[0].items, 4);
    assert_string_equal(metrics[1].name, "acc@frequency=high");
    near(metrics[1].value, 0.5);
    near(metrics[1].error, 0.25); /* deviation sqrt(2 · 0.0625), over sqrt(2) */
    assert_int_equal(metrics[1].items, 2);
    assert_string_equal(metrics[2].name, "perplexity");
    near(metrics[2].value, exp(2));
    near(metrics[2].error, exp(2) * 1);
    assert_string_equal(metrics[3].filter, "extract");
    assert_true(isnan(metrics[3].error)); /* one item has no spread */
    free(metrics);
    for (int i = 0; i < 4; i++) outcome_free(&outcomes[i]);
}

/* Every item twice, which tells nothing new: the mean's error is that of each once. */
static void repeated_items_count_once(void **state) {
    (void)state;
    struct item_outcome outcomes[8] = {{0}};
    struct ltm_fewshot_metric *metrics;
    int count;
    static const double acc[] = {1, 0, 0, 1};
    for (int i = 0; i < 8; i++) {
        assert_int_equal(outcome_add(&outcomes[i], "acc", "none", acc[i % 4], NULL), LTM_OK);
        outcomes[i].same = i < 4 ? 0 : i - 4 + 1;
    }
    assert_int_equal(outcomes_average(&metrics, &count, outcomes, 8, NULL), LTM_OK);
    assert_int_equal(metrics[0].items, 8);
    near(metrics[0].value, 0.5);
    near(metrics[0].error, sqrt((4 * 0.25) / 3) / 2);
    free(metrics);
    for (int i = 0; i < 8; i++) outcome_free(&outcomes[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pass_at_k_is_unbiased),
        cmocka_unit_test(the_first_of_equals_is_largest),
        cmocka_unit_test(means_are_over_items_that_have_the_metric),
        cmocka_unit_test(repeated_items_count_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
