/* Memories beside the window (model.memory) in the whole decoder: what the tests of all keys (support/model_keys.h) leave open. */
#include "support/decoder_rig.h"

#include "model/decoder_stream.h"

static struct ltm_model_config with_memory(int memory) {
    struct ltm_model_config c = grouped;
    c.latents = 0;
    c.window = 2;
    c.memory = memory;
    c.memory_chunk = 3;
    c.memory_rate = 1;
    c.memory_slots = 5;
    return c;
}

static struct ltm_model_config deep_memory(void) {
    struct ltm_model_config c = with_memory(LTM_MEMORY_NEURAL);
    c.memory_layers = 2;
    return c;
}

static struct ltm_model_config never_written(void) {
    struct ltm_model_config c = with_memory(LTM_MEMORY_NEURAL);
    c.memory_rate = 0;
    return c;
}

static void check_weights(struct ltm_model_config config) {
    struct setting s = set_up(&config);
    float *gradient = test_zeros(s.decoder->plan.table.size);
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_weight_gradient(s.pass, s.z, NULL, s.nll, gradient);
    for (int i = 0; i < s.decoder->plan.table.count; i++) {
        const struct weight *w = &s.decoder->plan.table.weights[i];
        check_gradient(w->name, s.decoder->weights + w->offset, gradient + w->offset, weight_size(w),
                       step_of(w, gradient), total_nll, &s);
    }
    free(gradient);
    tear_down(&s);
}

/* Through several writes, in the second of two loops too, and beside latents. */
static void gradients_go_through_what_is_written(void **state) {
    (void)state;
    struct ltm_model_config looped = deep_memory();
    looped.loops = 2;
    check_weights(deep_memory());
    check_weights(never_written());
    check_weights(looped);
    looped.memory = LTM_MEMORY_RECURRENT;
    looped.latents = 6;
    check_weights(looped);
}

static void a_score_depends_on_the_past_alone_and_on_all_of_it(void **state) {
    (void)state;
    const struct ltm_model_config kinds[] = {with_memory(LTM_MEMORY_NEURAL), deep_memory(),
                                             with_memory(LTM_MEMORY_RECURRENT)};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct setting s = set_up(&kinds[i]);
        float before[TOKENS];
        total_nll(&s);
        memcpy(before, s.nll, sizeof before);
        for (int t = 0; t < LENGTH; t++) {
            s.tokens[t] = (s.tokens[t] + 1) % grouped.vocab;
            total_nll(&s);
            assert_memory_equal(before, s.nll, (size_t)t * sizeof *before);
            assert_memory_equal(before + LENGTH, s.nll + LENGTH, LENGTH * sizeof *before);
            if (t < LENGTH / 3 * 3 - 3) /* of a chunk before the last: three windows of two reach 4 back */
                assert_true(fabsf(before[LENGTH - 1] - s.nll[LENGTH - 1]) > 1e-6f);
            s.tokens[t] = (s.tokens[t] + grouped.vocab - 1) % grouped.vocab;
        }
        tear_down(&s);
    }
}

/* At rest it reads what a sequence begins with: in the first chunk the same, whatever stands there of a later one nothing. */
static void a_memory_at_rest_carries_nothing(void **state) {
    (void)state;
    for (int memory = LTM_MEMORY_NEURAL; memory <= LTM_MEMORY_RECURRENT; memory++) {
        struct ltm_model_config config = with_memory(memory);
        config.layers = 1;
        struct setting s = set_up(&config);
        float learning[TOKENS];
        float resting[TOKENS];
        total_nll(&s);
        memcpy(learning, s.nll, sizeof learning);
        decoder_rest_memory(s.pass, true);
        total_nll(&s);
        memcpy(resting, s.nll, sizeof resting);
        assert_memory_equal(learning, resting, (size_t)config.memory_chunk * sizeof *resting);
        assert_true(fabsf(learning[LENGTH - 1] - resting[LENGTH - 1]) > 1e-4f);
        for (int t = 0; t < LENGTH - 2; t++) s.tokens[t] = (s.tokens[t] + 1) % config.vocab; /* out of the window */
        total_nll(&s);
        assert_true(resting[LENGTH - 1] == s.nll[LENGTH - 1]);
        decoder_rest_memory(s.pass, false);
        tear_down(&s);
    }
}

/* memory.max_rate = 0 is the memory at rest: nothing written, nothing forgotten. */
static void a_rate_of_0_is_a_memory_at_rest(void **state) {
    (void)state;
    const struct ltm_model_config kinds[] = {with_memory(LTM_MEMORY_NEURAL), never_written()};
    float nll[2][TOKENS];
    for (int i = 0; i < 2; i++) {
        struct setting s = set_up(&kinds[i]);
        decoder_rest_memory(s.pass, i == 0);
        total_nll(&s);
        memcpy(nll[i], s.nll, sizeof nll[i]);
        tear_down(&s);
    }
    assert_memory_equal(nll[0], nll[1], sizeof nll[0]);
}

/* Through as many writes as there are it is the whole gradient; through one it is another, of the same scores. */
static void a_gradient_goes_through_so_many_writes(void **state) {
    (void)state;
    const int writes[] = {0, 3, 1};
    struct ltm_model_config config = with_memory(LTM_MEMORY_RECURRENT);
    float *gradient[3];
    size_t size = 0;
    for (int i = 0; i < 3; i++) {
        config.memory_backprop = writes[i];
        struct setting s = set_up(&config);
        size = s.decoder->plan.table.size;
        gradient[i] = test_zeros(size);
        decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
        decoder_weight_gradient(s.pass, s.z, NULL, s.nll, gradient[i]);
        tear_down(&s);
    }
    assert_memory_equal(gradient[0], gradient[1], size * sizeof(float));
    assert_memory_not_equal(gradient[0], gradient[2], size * sizeof(float));
    for (int i = 0; i < 3; i++) free(gradient[i]);
}

/* A text of one token again and again: the gradient's step is no longer than the way, however long the text. */
static void text_that_repeats_itself_does_not_make_it_diverge(void **state) {
    (void)state;
    enum { LONG = 600 };
    struct ltm_model_config config = with_memory(LTM_MEMORY_NEURAL);
    config.sequence = LONG;
    config.memory_chunk = 16;
    struct decoder *decoder;
    struct decoder_pass *pass;
    int32_t tokens[LONG] = {0};
    float nll[LONG];
    assert_int_equal(decoder_create(&decoder, &config, NULL), LTM_OK);
    weights_initialise(decoder->weights, &decoder->plan.table, 1, 3);
    for (int i = 0; i < decoder->plan.table.count; i++) /* rates near the most, momentum near 1, nothing forgotten */
        if (strstr(decoder->plan.table.weights[i].name, "_bias"))
            for (int j = 0; j < config.heads; j++)
                decoder->weights[decoder->plan.table.weights[i].offset + (size_t)j] =
                    strstr(decoder->plan.table.weights[i].name, "forget") ? -8 : 3;
    assert_int_equal(decoder_pass_create(&pass, decoder, 1, LONG, false, NULL), LTM_OK);
    decoder_begin(pass, tokens, tokens, 1, LONG);
    decoder_score(pass, NULL, nll);
    for (int t = 0; t < LONG; t++) assert_true(isfinite(nll[t]) && nll[t] < 20);
    decoder_pass_free(pass);
    decoder_free(decoder);
}

static double log_p(const float *logits, int vocab, int32_t token) {
    double sum = 0;
    for (int v = 0; v < vocab; v++) sum += exp((double)logits[v]);
    return logits[token] - log(sum);
}

/* Only distances of tokens matter, and where chunks begin: a position in the middle of a long text makes no difference, be it above 2^31. */
static void goes_on_at_any_position(const struct stream_weights *weights, const int32_t *tokens, char *kept, int length,
                                    size_t vocab) {
    static const int64_t places[2] = {(int64_t)840 << 10,
                                      (int64_t)840 << 22}; /* 840 = all that windows and chunks may be */
    const int slot = 0;
    float *first = malloc((size_t)length * vocab * sizeof *first);
    struct decoder_stream *stream;
    assert_int_equal(decoder_stream_create(&stream, weights, 1, 1, NULL), LTM_OK);
    decoder_stream_begin(stream, slot, NULL);
    decoder_stream_save(stream, slot, kept);
    for (int i = 0; i < 2; i++) {
        memcpy(kept, &places[i], sizeof places[i]);
        assert_true(decoder_stream_restore(stream, slot, kept));
        for (int t = 0; t < length; t++) {
            const float *logits = decoder_stream_step(stream, &slot, &tokens[t], 1);
            for (size_t v = 0; v < vocab; v++) {
                if (i == 0) first[(size_t)t * vocab + v] = logits[v];
                assert_true(fabsf(logits[v] - first[(size_t)t * vocab + v]) < 1e-4F);
            }
        }
        assert_int_equal(decoder_stream_position(stream, slot), places[i] + length);
    }
    decoder_stream_free(stream);
    free(first);
}

/* Past model.sequence it goes on as a model of longer sequences would: the score of that is its own. A slot that is kept on the way
 * and put back goes on from there, to the bit. */
static void a_text_goes_on_past_the_sequence(void **state) {
    (void)state;
    enum { LONG = 50, KEPT = 31 };
    const struct ltm_model_config kinds[] = {with_memory(LTM_MEMORY_NEURAL), deep_memory(), never_written(),
                                             with_memory(LTM_MEMORY_RECURRENT)};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct ltm_model_config longer = kinds[i];
        longer.sequence = LONG;
        struct setting s = set_up(&kinds[i]);
        struct setting whole = set_up(&longer);
        struct decoder_pass *pass;
        struct stream_weights *weights;
        struct decoder_stream *stream;
        const int slot = 1;
        const size_t vocab = (size_t)longer.vocab;
        char *kept = malloc(decoder_stream_slot_bytes(&s.decoder->plan));
        int32_t tokens[LONG + 1];
        float nll[LONG];
        float first[LONG * 29];
        for (int t = 0; t <= LONG; t++) tokens[t] = (t * 17 + t / 7 + 3) % longer.vocab;
        assert_int_equal(decoder_pass_create(&pass, whole.decoder, 1, LONG, false, NULL), LTM_OK);
        assert_int_equal(stream_weights_create(&weights, s.decoder, false, 1, NULL), LTM_OK);
        assert_int_equal(decoder_stream_create(&stream, weights, 2, 1, NULL), LTM_OK);
        decoder_begin(pass, tokens, tokens + 1, 1, LONG);
        decoder_score(pass, NULL, nll);
        decoder_stream_begin(stream, slot, s.z);
        for (int t = 0; t < LONG; t++) {
            if (t == KEPT) decoder_stream_save(stream, slot, kept);
            const float *logits = decoder_stream_step(stream, &slot, &tokens[t], 1);
            memcpy(first + (size_t)t * vocab, logits, vocab * sizeof *logits);
            assert_true(fabs(log_p(logits, longer.vocab, tokens[t + 1]) + (double)nll[t]) < 2e-4);
        }
        assert_true(decoder_stream_restore(stream, 0, kept));
        for (int t = KEPT; t < LONG; t++) {
            const int other = 0;
            const float *logits = decoder_stream_step(stream, &other, &tokens[t], 1);
            assert_memory_equal(first + (size_t)t * vocab, logits, vocab * sizeof *logits);
        }
        decoder_stream_save(stream, 0, kept);
        kept[7] = (char)0x80; /* a position before 0 */
        assert_false(decoder_stream_restore(stream, 0, kept));
        goes_on_at_any_position(weights, tokens, kept, LONG, vocab);
        free(kept);
        decoder_stream_free(stream);
        stream_weights_free(weights);
        decoder_pass_free(pass);
        tear_down(&whole);
        tear_down(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_go_through_what_is_written),
        cmocka_unit_test(a_score_depends_on_the_past_alone_and_on_all_of_it),
        cmocka_unit_test(a_memory_at_rest_carries_nothing),
        cmocka_unit_test(a_rate_of_0_is_a_memory_at_rest),
        cmocka_unit_test(a_gradient_goes_through_so_many_writes),
        cmocka_unit_test(a_text_goes_on_past_the_sequence),
        cmocka_unit_test(text_that_repeats_itself_does_not_make_it_diverge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
