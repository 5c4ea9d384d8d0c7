/* Memories beside the window (model.memory) in the whole decoder: what the tests of all keys (support/model_keys.h) leave open. */
#include "support/decoder_rig.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_go_through_what_is_written),
        cmocka_unit_test(a_score_depends_on_the_past_alone_and_on_all_of_it),
        cmocka_unit_test(a_memory_at_rest_carries_nothing),
        cmocka_unit_test(a_gradient_goes_through_so_many_writes),
        cmocka_unit_test(text_that_repeats_itself_does_not_make_it_diverge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
