/* Generation's stream of tokens: it sees what a pass over the whole sequence sees, and a slot's logits depend on nothing but
 * its own sequence, to the bit. */
#include <math.h>

#include "support/gradients.h"
#include "support/model_keys.h"

#include "ltm/model.h"
#include "model/decoder_stream.h"
#include "nn/cross_attention.h"

enum { SLOTS = 9, LENGTH = 11 };

/* Nothing is a multiple of a vector's width; the sequence is longer than the window, so the cache wraps. */
static const struct ltm_model_config odd = {.dim = 36,
                                            .layers = 3,
                                            .heads = 6,
                                            .kv_heads = 2,
                                            .ffn_multiple = 7,
                                            .sequence = 12,
                                            .window = 5,
                                            .vocab = 53,
                                            .latents = 6};

struct setting {
    struct decoder *decoder;
    struct stream_weights *weights;
    size_t latents; /* of a sequence */
    float *z;       /* (SLOTS, N_z, d) */
    int32_t tokens[SLOTS][LENGTH + 1];
};

static struct setting set_up(const struct ltm_model_config *config, bool in_half) {
    struct setting s = {.latents = (size_t)config->latents * (size_t)config->dim};
    assert_int_equal(decoder_create(&s.decoder, config, NULL), LTM_OK);
    float *random = test_normal(s.decoder->plan.table.size, 1, 0.2f);
    for (int i = 0; i < s.decoder->plan.table.count; i++) {
        const struct weight *w = &s.decoder->plan.table.weights[i];
        for (size_t j = 0; j < (size_t)w->rows * (size_t)w->columns; j++)
            s.decoder->weights[w->offset + j] = random[w->offset + j] + (w->rank == 1 ? 1.0f : 0.0f);
    }
    free(random);
    assert_int_equal(stream_weights_create(&s.weights, s.decoder, in_half, 2, NULL), LTM_OK);
    s.z = test_normal(SLOTS * s.latents, 2, 1);
    for (int i = 0; i < SLOTS; i++)
        for (int t = 0; t <= LENGTH; t++) s.tokens[i][t] = (i * 31 + t * 17 + 3) % config->vocab;
    return s;
}

static void tear_down(struct setting *s) {
    stream_weights_free(s->weights);
    decoder_free(s->decoder);
    free(s->z);
}

static double log_p(const float *logits, int vocab, int32_t token) {
    double sum = 0;
    for (int v = 0; v < vocab; v++) sum += exp((double)logits[v]);
    return logits[token] - log(sum);
}

/* From the beginning, or behind a pass over the first `from` tokens. */
static void check_against_pass(const struct ltm_model_config *config, bool in_half, int from, double tolerance) {
    struct setting s = set_up(config, in_half);
    struct decoder_stream *stream;
    struct decoder_pass *pass;
    float nll[LENGTH];
    assert_int_equal(decoder_stream_create(&stream, s.weights, SLOTS, 1, NULL), LTM_OK);
    assert_int_equal(decoder_pass_create(&pass, s.decoder, 1, LENGTH, false, NULL), LTM_OK);
    for (int slot = 0; slot < SLOTS; slot++) {
        const float *z = s.z + (size_t)slot * s.latents;
        if (from) {
            decoder_begin(pass, s.tokens[slot], s.tokens[slot] + 1, 1, from);
            decoder_score(pass, z, nll);
            decoder_stream_begin_behind(stream, slot, pass, z);
        } else
            decoder_stream_begin(stream, slot, z);
        decoder_begin(pass, s.tokens[slot], s.tokens[slot] + 1, 1, LENGTH);
        decoder_score(pass, z, nll);
        for (int t = from; t < LENGTH; t++) {
            const float *logits = decoder_stream_step(stream, &slot, &s.tokens[slot][t], 1);
            const double off = log_p(logits, config->vocab, s.tokens[slot][t + 1]) + nll[t];
            if (fabs(off) > tolerance) fail_msg("slot %d, token %d: log p is off by %g", slot, t, off);
        }
    }
    decoder_pass_free(pass);
    decoder_stream_free(stream);
    tear_down(&s);
}

/* fp32: logits of size 10 or so, off by some 2^-24 of that a sum: 1e-4 is far above. bf16: weights off by 2^-9 of their size,
 * at random, over a dozen products that normed inputs meet; a wrong weight would be off by a whole logit or more. */
static void stream_sees_what_a_pass_sees(void **state) {
    (void)state;
    struct ltm_model_config plain = odd;
    struct ltm_model_config upper = odd;
    plain.latents = 0;
    upper.latent_from = 1;
    check_against_pass(&upper, false, 0, 1e-4);
    check_against_pass(&upper, false, 7, 1e-4);
    check_against_pass(&odd, false, 0, 1e-4);
    check_against_pass(&odd, false, 7, 1e-4);
    check_against_pass(&plain, false, 0, 1e-4);
    check_against_pass(&plain, false, 3, 1e-4);
    check_against_pass(&odd, true, 0, 0.3);
    check_against_pass(&odd, true, 7, 0.3);
}

static void stream_sees_what_a_pass_sees_with_each_key(void **state) {
    (void)state;
    struct ltm_model_config plain = odd;
    plain.latents = 0;
    for (int i = 0; i < MODEL_KEYS; i++) {
        const struct ltm_model_config with[2] = {model_with_key(odd, i), model_with_key(plain, i)};
        check_against_pass(&with[0], false, 0, 1e-4);
        check_against_pass(&with[0], false, 7, 1e-4);
        check_against_pass(&with[1], false, 0, 1e-4);
        check_against_pass(&with[0], true, 7, 0.3);
    }
}

static void stream_sees_what_a_pass_sees_behind_a_prelude(void **state) {
    (void)state;
    for (int inject = LTM_INJECT_NONE; inject <= LTM_INJECT_DIAGONAL; inject++) {
        struct ltm_model_config with = odd;
        with.latent_from = with.prelude = 1;
        with.loops = 3;
        with.inject = inject;
        with.mix_input = with.value_residual = 1;
        check_against_pass(&with, false, 0, 1e-4);
        check_against_pass(&with, false, 7, 1e-4);
        with.backprop = 1;
        check_against_pass(&with, false, 7, 1e-4);
    }
}

/* With so many latents that a pass computes the plain form; a stream always folds. */
static void stream_sees_what_a_pass_that_does_not_fold_sees(void **state) {
    (void)state;
    struct ltm_model_config many = odd;
    many.sequence = 30;
    many.latents = 15;
    const int latents = many.latents / many.layers;
    assert_false(cross_attention_folds(
        &(struct cross_shape){1, LENGTH, latents, many.heads, many.kv_heads, many.dim / many.heads, many.dim}));
    check_against_pass(&many, false, 0, 1e-4);
    check_against_pass(&many, false, 7, 1e-4);
    many.latents = 20;
    many.latent_from = 1;
    check_against_pass(&many, false, 0, 1e-4);
    check_against_pass(&many, false, 7, 1e-4);
}

/* Keys and values of latents too: a step reads no product's weights in fp32 beside those that are packed. */
static void a_stream_in_bf16_reads_what_is_packed(void **state) {
    (void)state;
    struct ltm_model_config keys = odd;
    keys.latent_read = LTM_READ_KEYS;
    struct setting s = set_up(&keys, true);
    const struct weight_table *table = &s.decoder->plan.table;
    const size_t bytes = (size_t)keys.vocab * sizeof(float);
    const int slot = 0;
    float *before = malloc(bytes);
    struct decoder_stream *stream;
    assert_int_equal(decoder_stream_create(&stream, s.weights, 1, 1, NULL), LTM_OK);
    decoder_stream_begin(stream, slot, s.z);
    memcpy(before, decoder_stream_step(stream, &slot, s.tokens[0], 1), bytes);
    for (int i = 0; i < table->count; i++)
        if (strstr(table->weights[i].name, "cross_attention.wk") ||
            strstr(table->weights[i].name, "cross_attention.wv"))
            memset(s.decoder->weights + table->weights[i].offset, 0, weight_size(&table->weights[i]) * sizeof(float));
    decoder_stream_begin(stream, slot, s.z);
    assert_memory_equal(decoder_stream_step(stream, &slot, s.tokens[0], 1), before, bytes);
    free(before);
    decoder_stream_free(stream);
    tear_down(&s);
}

/* Sequences that begin at different steps, in slots and rows that change, by one thread and by three. */
static void check_independence(const struct ltm_model_config *config, bool in_half) {
    struct setting s = set_up(config, in_half);
    const size_t V = (size_t)config->vocab;
    float *alone = malloc(SLOTS * LENGTH * V * sizeof *alone);
    assert_non_null(alone);
    struct decoder_stream *stream;
    assert_int_equal(decoder_stream_create(&stream, s.weights, 1, 1, NULL), LTM_OK);
    const int first = 0;
    for (int i = 0; i < SLOTS; i++) {
        decoder_stream_begin(stream, 0, s.z + (size_t)i * s.latents);
        for (int t = 0; t < LENGTH; t++)
            memcpy(alone + (size_t)(i * LENGTH + t) * V, decoder_stream_step(stream, &first, &s.tokens[i][t], 1),
                   V * sizeof(float));
    }
    decoder_stream_free(stream);
    for (int threads = 1; threads <= 3; threads++) {
        assert_int_equal(decoder_stream_create(&stream, s.weights, SLOTS, threads, NULL), LTM_OK);
        for (int step = 0; step < LENGTH + SLOTS; step++) {
            int slots[SLOTS];
            int who[SLOTS];
            int count = 0;
            int32_t tokens[SLOTS];
            for (int i = SLOTS; i-- > 0;) { /* sequence i begins at step i, in slot SLOTS - 1 - i */
                const int t = step - i;
                const int slot = SLOTS - 1 - i;
                if (t < 0 || t >= LENGTH) continue;
                if (t == 0) decoder_stream_begin(stream, slot, s.z + (size_t)i * s.latents);
                slots[count] = slot;
                tokens[count] = s.tokens[i][t];
                who[count++] = i * LENGTH + t;
            }
            const float *logits = count ? decoder_stream_step(stream, slots, tokens, count) : NULL;
            for (int r = 0; r < count; r++)
                if (memcmp(logits + (size_t)r * V, alone + (size_t)who[r] * V, V * sizeof(float)) != 0)
                    fail_msg("%d threads, %d rows: row %d has other bits than alone", threads, count, r);
        }
        decoder_stream_free(stream);
    }
    free(alone);
    tear_down(&s);
}

static void logits_depend_on_their_own_sequence_alone(void **state) {
    (void)state;
    struct ltm_model_config even = odd;
    struct ltm_model_config plain = odd;
    even.dim = 64, even.heads = even.kv_heads = 4, even.vocab = 128;
    plain.latents = 0;
    check_independence(&odd, false);
    check_independence(&odd, true);
    check_independence(&even, false);
    check_independence(&plain, false);
    for (int i = 0; i < MODEL_KEYS; i++) {
        const struct ltm_model_config with = model_with_key(odd, i);
        check_independence(&with, false);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_sees_what_a_pass_sees),
        cmocka_unit_test(stream_sees_what_a_pass_sees_with_each_key),
        cmocka_unit_test(stream_sees_what_a_pass_sees_behind_a_prelude),
        cmocka_unit_test(stream_sees_what_a_pass_that_does_not_fold_sees),
        cmocka_unit_test(a_stream_in_bf16_reads_what_is_packed),
        cmocka_unit_test(logits_depend_on_their_own_sequence_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
