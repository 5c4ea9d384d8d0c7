/* Sequences: every chunk once an epoch, within the tokens, in an order that the seed and the index fix. */
#include "support/files.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "text/sequence_source.h"

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

enum { END = 9, T = 4 };

/* A shard of these tokens, opened as either split. */
static struct token_stream *stream_of(const uint16_t *tokens, int count) {
    char path[600];
    int32_t header[256] = {20240520, 1, count};
    struct token_stream *stream;
    snprintf(path, sizeof path, "%s/documents.bin", test_folder());
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(header, sizeof header, 1, file), 1);
    assert_int_equal(fwrite(tokens, sizeof *tokens, (size_t)count, file), (size_t)count);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(token_stream_open(&stream, path, "train", &error), LTM_OK);
    return stream;
}

static void a_document_is_a_sequence_or_several(void **state) {
    (void)state;
    static const uint16_t tokens[] = {1, 2, END, END, 3, 4, 5, 6, 7, END, 1, 2, 3, END, END, 8};
    static const int expected[][2 * T] = {{END, 1, 2, END, 1, 2, END, END},
                                          {END, 3, 4, 5, 3, 4, 5, 6},
                                          {6, 7, END, END, 7, END, END, END},
                                          {END, 1, 2, 3, 1, 2, 3, END},
                                          {END, 8, END, END, 8, END, END, END}};
    static const int counts[] = {3, 4, 2, 4, 1};
    enum { PIECES = sizeof counts / sizeof *counts };
    const struct ltm_model_config model = {.sequence = T, .packing = LTM_PACKING_DOCUMENT, .document_end = END};
    struct token_stream *stream = stream_of(tokens, sizeof tokens / sizeof *tokens);
    struct stream_windows windows;
    int64_t seen[PIECES] = {0};
    int32_t in[T];
    int32_t out[T];
    float weights[T];
    assert_int_equal(heldout_windows(&windows, stream, &model, 0, &error), LTM_OK);
    assert_int_equal(windows.source.count, PIECES);
    assert_true(windows.fill == 14.0 / (PIECES * T));
    for (int i = 0; i < PIECES; i++) {
        const bool padded = windows.source.read(&windows.source, i, T, in, out, weights);
        assert_int_equal(padded, counts[i] < T);
        for (int t = 0; t < T; t++) {
            assert_int_equal(in[t], expected[i][t]);
            assert_int_equal(out[t], expected[i][T + t]);
            if (padded) assert_true(weights[t] == (t < counts[i] ? 1 : 0));
        }
    }
    /* A first part of it. */
    assert_true(windows.source.read(&windows.source, 0, T, in, out, weights));
    assert_false(windows.source.read(&windows.source, 0, 2, in, out, weights));
    stream_windows_free(&windows);
    /* Training takes each once an epoch. */
    assert_int_equal(training_windows(&windows, stream, &model, 3, &error), LTM_OK);
    for (int64_t i = 0; i < 2 * PIECES; i++)
        for (int k = 0; k < PIECES; k++) seen[k] += windows.source.place(&windows.source, i) == windows.pieces[k];
    for (int k = 0; k < PIECES; k++) assert_int_equal(seen[k], 2);
    stream_windows_free(&windows);
    token_stream_close(stream);
}

static void a_corpus_in_which_no_document_ends_is_refused(void **state) {
    (void)state;
    static const uint16_t tokens[] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2};
    struct token_stream *stream = stream_of(tokens, sizeof tokens / sizeof *tokens);
    for (int packing = LTM_PACKING_MASKED; packing <= LTM_PACKING_DOCUMENT; packing++) {
        const struct ltm_model_config model = {.sequence = T, .packing = packing, .document_end = END};
        struct stream_windows windows;
        assert_int_equal(heldout_windows(&windows, stream, &model, 0, &error), LTM_INVALID);
        assert_non_null(strstr(error.message, "no document of the corpus ends with id 9"));
        assert_int_equal(training_windows(&windows, stream, &model, 1, &error), LTM_INVALID);
    }
    token_stream_close(stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_takes_every_chunk_once),
        cmocka_unit_test(epochs_differ_in_offset_and_order),
        cmocka_unit_test(the_order_of_a_seed_never_changes),
        cmocka_unit_test(large_corpora_need_no_memory),
        cmocka_unit_test(too_few_tokens_are_refused_with_the_numbers),
        cmocka_unit_test(heldout_sequences_are_spread_evenly),
        cmocka_unit_test(a_document_is_a_sequence_or_several),
        cmocka_unit_test(a_corpus_in_which_no_document_ends_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
