/* Sequences: every chunk once an epoch, within the tokens, in an order that the seed and the index fix. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "text/sequences.h"

static struct ltm_error error;

static void an_epoch_takes_every_chunk_once(void **state) {
    static const int64_t sizes[][2] = {{20, 10}, {29, 10}, {30, 10}, {1000, 7}, {12345, 16}, {70000, 1}, {100001, 3}};
    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        int64_t tokens = sizes[k][0];
        int length = (int)sizes[k][1];
        struct sequence_order order;
        assert_int_equal(sequence_order_init(&order, tokens, length, 3, &error), LTM_OK);
        assert_int_equal(order.per_epoch, (tokens - 1 - (length - 1)) / length);
        char *seen = calloc((size_t)order.per_epoch, 1);
        for (int64_t epoch = 0; epoch < 3; epoch++) {
            int64_t offset = sequence_start(&order, epoch * order.per_epoch) % length;
            memset(seen, 0, (size_t)order.per_epoch);
            for (int64_t i = 0; i < order.per_epoch; i++) {
                int64_t start = sequence_start(&order, epoch * order.per_epoch + i);
                assert_true(start >= 0 && start + length + 1 <= tokens);
                assert_int_equal(start % length, offset);
                assert_int_equal(seen[start / length]++, 0);
            }
        }
        free(seen);
    }
}

static void epochs_differ_in_offset_and_order(void **state) {
    (void)state;
    struct sequence_order order;
    struct sequence_order other;
    assert_int_equal(sequence_order_init(&order, 1000000, 100, 1, &error), LTM_OK);
    assert_int_equal(sequence_order_init(&other, 1000000, 100, 2, &error), LTM_OK);
    int offsets = 0;
    int in_order = 0;
    int same = 0;
    for (int64_t epoch = 0; epoch < 20; epoch++)
        offsets += sequence_start(&order, epoch * order.per_epoch) % 100 != sequence_start(&order, 0) % 100;
    for (int64_t i = 0; i + 1 < order.per_epoch; i++) {
        in_order += sequence_start(&order, i + 1) == sequence_start(&order, i) + 100;
        same += sequence_start(&order, i) / 100 == sequence_start(&other, i) / 100;
    }
    assert_true(offsets >= 15);  /* 20 draws of 100 */
    assert_true(in_order <= 10); /* about one of 10,000 expected */
    assert_true(same <= 10);
}

/* What a seed means is part of what a resumed run relies on. */
static void the_order_of_a_seed_never_changes(void **state) {
    (void)state;
    struct sequence_order order;
    assert_int_equal(sequence_order_init(&order, 1000, 10, 42, &error), LTM_OK);
    static const int64_t expected[] = {65, 135, 45, 895, 725, 575};
    for (int64_t i = 0; i < 6; i++) assert_int_equal(sequence_start(&order, 97 + i), expected[i]);
}

static void large_corpora_need_no_memory(void **state) {
    (void)state;
    struct sequence_order order;
    int64_t tokens = INT64_C(1) << 42;
    assert_int_equal(sequence_order_init(&order, tokens, 1024, 1, &error), LTM_OK);
    for (int64_t i = 0; i < 1000; i++) {
        int64_t start = sequence_start(&order, i * 4000000007);
        assert_true(start >= 0 && start + 1025 <= tokens);
    }
}

static void too_few_tokens_are_refused_with_the_numbers(void **state) {
    (void)state;
    struct sequence_order order;
    int64_t count;
    assert_int_equal(sequence_order_init(&order, 19, 10, 1, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "19 tokens"));
    assert_non_null(strstr(error.message, "at least 20"));
    assert_int_equal(sequence_order_init(&order, 0, 10, 1, &error), LTM_INVALID);
    assert_int_equal(heldout_sequences(&count, 10, 10, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "needs 11"));
    assert_int_equal(heldout_sequences(&count, 11, 10, &error), LTM_OK);
    assert_int_equal(count, 1);
    assert_int_equal(heldout_sequences(&count, 21, 10, &error), LTM_OK);
    assert_int_equal(count, 2);
}

static void heldout_sequences_are_spread_evenly(void **state) {
    (void)state;
    for (int64_t n = 1; n <= 7; n++)
        for (int64_t i = 0; i < n; i++) {
            int64_t at = heldout_spread(i, n, 7);
            assert_true(at < 7);
            if (i) assert_true(at > heldout_spread(i - 1, n, 7));
        }
    assert_int_equal(heldout_spread(6, 7, 7), 6);
    assert_int_equal(heldout_spread(1, 2, 100), 50);
    assert_true(heldout_spread(INT64_C(1) << 40, (INT64_C(1) << 40) + 1, INT64_C(1) << 41) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_takes_every_chunk_once),
        cmocka_unit_test(epochs_differ_in_offset_and_order),
        cmocka_unit_test(the_order_of_a_seed_never_changes),
        cmocka_unit_test(large_corpora_need_no_memory),
        cmocka_unit_test(too_few_tokens_are_refused_with_the_numbers),
        cmocka_unit_test(heldout_sequences_are_spread_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
