/* Pruning masks (probe/prune_mask.h, probe/prune_learn.h): what is kept, and that a part which the output ignores is not. */
#include "support/decoder_rig.h"
#include "support/files.h"
#include "support/small_config.h"

#include "probe/prune_learn.h"

static int by_size(const void *a, const void *b) {
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return x > y ? -1 : x < y;
}

/* Against sorting, with many equal scores. */
static void the_highest_scores_are_kept(void **state) {
    (void)state;
    enum { N = 500 };
    float *scores = test_normal(N, 3, 1);
    float sorted[N];
    float room[N];
    uint8_t mask[N];
    for (int i = 0; i < N; i++) sorted[i] = scores[i] = i % 2 ? scores[i] : roundf(2 * scores[i]);
    qsort(sorted, N, sizeof *sorted, by_size);
    for (size_t keep = 0; keep <= N; keep += 25) {
        size_t kept = 0;
        bool later = false; /* one of the equal ones was left out */
        prune_select(mask, scores, N, keep, room);
        for (size_t i = 0; i < N; i++) {
            kept += mask[i];
            if (keep && scores[i] > sorted[keep - 1]) assert_true(mask[i]);
            if (!keep || scores[i] < sorted[keep - 1]) assert_false(mask[i]);
            if (!keep || scores[i] != sorted[keep - 1]) continue;
            assert_false(mask[i] && later);
            later = later || !mask[i];
        }
        assert_int_equal(kept, keep);
    }
    free(scores);
}

static void masks_divide_weights_and_are_stored(void **state) {
    (void)state;
    struct setting rig = set_up(&grouped);
    const struct weight_table *table = &rig.decoder->plan.table;
    struct prune_matrices m;
    double overlap;
    double chance;
    assert_int_equal(prune_matrices_create(&m, table, NULL), LTM_OK);
    const size_t n = prune_size(&m);
    float *room = test_normal(2 * n, 9, 1);
    float *masked = test_normal(2 * table->size, 9, 1);
    uint8_t *mask = malloc(3 * n);
    prune_select(mask, room, n, n / 5, room + n);
    prune_apply(masked, rig.decoder->weights, &m, mask, false);
    prune_apply(masked + table->size, rig.decoder->weights, &m, mask, true);
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        const bool whole = w->rank == 1 || w->optimiser != WEIGHT_MATRIX;
        for (size_t j = w->offset; j < w->offset + weight_size(w); j++) {
            const float value = rig.decoder->weights[j];
            const float a = masked[j];
            const float b = masked[table->size + j];
            assert_true(whole ? a == value && b == value : (a == value && b == 0) || (a == 0 && b == value));
        }
    }
    prune_random(mask + n, &m, mask, 4, 0, room);
    prune_random(mask + 2 * n, &m, mask, 4, 1, room);
    for (int k = 0; k < m.count; k++) assert_int_equal(prune_kept(&m, mask + n, k), prune_kept(&m, mask, k));
    prune_overlap(&overlap, &chance, &m, mask, mask);
    assert_true(overlap == 1);
    prune_overlap(&overlap, &chance, &m, mask + n, mask + 2 * n);
    assert_true(fabs(chance - 1.0 / 9) < 0.02 && fabs(overlap - chance) < 0.02); /* .2² / (2 · .2 - .2²) */
    const char *path = test_path("mask.safetensors");
    assert_int_equal(prune_write(path, &m, mask, NULL), LTM_OK);
    assert_int_equal(prune_read(mask + n, path, &m, NULL), LTM_OK);
    assert_memory_equal(mask, mask + n, n);
    free(mask);
    free(masked);
    free(room);
    prune_matrices_free(&m);
    tear_down(&rig);
}

/* Sequences whose second half is the answer. */
static bool read_tokens(const struct sequence_source *source, int64_t i, int length, int32_t *tokens, int32_t *targets,
                        float *weights) {
    (void)source;
    for (int t = 0; t < length; t++) {
        tokens[t] = (int32_t)((i * 7 + t * 3) % 11);
        targets[t] = (int32_t)((i * 7 + t * 3 + 3) % 11);
        weights[t] = t >= length / 2 ? 1 : 0;
    }
    return true;
}

static const struct sequence_source source = {.count = INT64_MAX, .read = read_tokens};

static double loss_of(struct workers *workers) {
    struct worker *w = &workers->each[0];
    double loss = 0;
    worker_begin(w, &source, 0, 0, 8, LENGTH);
    memset(w->loop.z, 0, 8 * w->loop.latents * sizeof *w->loop.z);
    decoder_score(w->pass, w->loop.z, w->loop.nll);
    for (int g = 0; g < 8; g++) loss += fast_loop_nll(&w->loop, g, 0, LENGTH);
    return loss;
}

/* The second of three layers writes nothing into the stream. What is learned of random weights answers better than they do as
 * a whole, and far better than other shares of them. */
static void what_the_output_ignores_is_pruned(void **state) {
    (void)state;
    struct setting rig = set_up(&grouped);
    const struct weight_table *table = &rig.decoder->plan.table;
    struct ltm_config config = small_config(grouped.vocab, grouped.sequence);
    struct ltm_prune_options options = ltm_prune_defaults();
    struct prune_matrices m;
    struct workers workers;
    struct decoder *decoder;
    ltm_config_resolve(&config);
    config.fast.steps = 2;
    options.steps = 50;
    options.keep = 0.2;
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        const char *name = w->name + strlen("layers.1.");
        if (strncmp(w->name, "layers.1.", 9) == 0 && (strstr(name, ".wo.") || strstr(name, ".w2.")))
            memset(rig.decoder->weights + w->offset, 0, weight_size(w) * sizeof(float));
    }
    assert_int_equal(prune_matrices_create(&m, table, NULL), LTM_OK);
    const size_t n = prune_size(&m);
    float *masked = test_normal(table->size, 9, 1);
    float *room = test_normal(2 * n, 9, 1);
    uint8_t *mask = malloc(2 * n);
    assert_int_equal(decoder_share_over(&decoder, rig.decoder, masked, NULL), LTM_OK);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(workers_create(&workers, decoder, &config.fast, k + 1, 8, LENGTH, 1, NULL), LTM_OK);
        const struct prune_learning l = {decoder, rig.decoder->weights, masked, &m, &workers,
                                         &source, &config.fast,         NULL};
        assert_int_equal(prune_learn(mask + (size_t)k * n, &l, &options, NULL), LTM_OK);
        if (k == 0) workers_free(&workers);
    }
    assert_memory_equal(mask, mask + n, n); /* on one thread and on two */
    int64_t kept[2] = {0};
    for (int k = 0; k < m.count; k++)
        kept[strncmp(table->weights[m.rows[k]].name, "layers.1.", 9) == 0] += prune_kept(&m, mask, k);
    print_message("kept %lld, of the ignored layer %lld\n", (long long)kept[0], (long long)kept[1]);
    assert_true(kept[1] * 50 < kept[0]);
    prune_apply(masked, rig.decoder->weights, &m, mask, false);
    const double learned = loss_of(&workers);
    memcpy(masked, rig.decoder->weights, table->size * sizeof *masked);
    const double whole = loss_of(&workers);
    prune_random(mask + n, &m, mask, 1, 0, room);
    prune_apply(masked, rig.decoder->weights, &m, mask + n, false);
    const double random = loss_of(&workers);
    print_message("nats: learned %.1f, whole %.1f, random %.1f\n", learned, whole, random);
    assert_true(learned < 0.7 * whole && learned < 0.7 * random);
    workers_free(&workers);
    decoder_free(decoder);
    free(mask);
    free(room);
    free(masked);
    prune_matrices_free(&m);
    tear_down(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_highest_scores_are_kept),
        cmocka_unit_test(masks_divide_weights_and_are_stored),
        cmocka_unit_test(what_the_output_ignores_is_pruned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
