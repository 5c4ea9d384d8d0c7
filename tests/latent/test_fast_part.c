/* Gradients of z from parts of a text. */
#include "support/decoder_rig.h"

#include "latent/fast_part.h"

enum { PARTS = 4 };

static struct fast_part open_parts(const struct setting *s, int parts) {
    const struct ltm_fast_config fast = {.text_parts = parts};
    struct fast_part part;
    assert_int_equal(fast_part_create(&part, s->decoder, &fast, s->tokens, s->targets, SEQUENCES, LENGTH, NULL),
                     LTM_OK);
    return part;
}

/* Each part's gradient is PARTS times its own, so that over them their mean is that of the text; the same of -log p. Sums are taken in
 * another order: a part in 1e5 of the largest number. */
static void check_sum(struct ltm_model_config config, const float *weights) {
    struct setting s = set_up(&config);
    struct fast_part part = open_parts(&s, PARTS);
    float *whole = test_zeros(s.latents);
    float *sum = test_zeros(s.latents);
    float *dz = test_zeros(s.latents);
    float nll[TOKENS];
    float nll_sum[TOKENS] = {0};
    double largest = 0;
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_latent_gradient(s.pass, s.z, weights, s.nll, whole);
    for (int i = 0; i < PARTS; i++) {
        fast_part_gradient(&part, i, 0, s.z, weights, nll, dz, SEQUENCES, LENGTH);
        for (size_t k = 0; k < s.latents; k++) sum[k] += dz[k] / PARTS;
        for (int t = 0; t < TOKENS; t++) nll_sum[t] += nll[t] / PARTS;
    }
    for (size_t k = 0; k < s.latents; k++) largest = fmax(largest, fabs((double)whole[k]));
    for (size_t k = 0; k < s.latents; k++) assert_true(fabs((double)(sum[k] - whole[k])) < 1e-5 * largest);
    for (int t = 0; t < TOKENS; t++) assert_true(fabs((double)(nll_sum[t] - s.nll[t])) < 1e-4);
    free(whole);
    free(sum);
    free(dz);
    fast_part_free(&part);
    tear_down(&s);
}

/* Of two tokens a position sees, so that a part is read behind three of the eleven, in three layers. */
static struct ltm_model_config narrow(void) {
    struct ltm_model_config c = grouped;
    c.window = 2;
    return c;
}

static void parts_add_up_to_the_gradient_of_the_text(void **state) {
    (void)state;
    struct ltm_model_config c = narrow();
    float weights[TOKENS];
    fill_weights(weights);
    check_sum(c, NULL);
    check_sum(c, weights);
    c.latent_from = 1;
    check_sum(c, NULL);
    c = narrow();
    c.latent_read = LTM_READ_KEYS;
    check_sum(c, weights);
    c = narrow();
    c.packing = LTM_PACKING_MASKED;
    c.document_end = 8;
    check_sum(c, NULL);
}

static void looped_layers_look_back_further(void **state) {
    (void)state;
    struct ltm_model_config c = narrow();
    c.loops = 2;
    c.prelude = 1;
    c.coda = 1;
    c.inject = LTM_INJECT_ADD;
    check_sum(c, NULL);
}

static void one_part_needs_nothing(void **state) {
    (void)state;
    const struct ltm_model_config c = narrow();
    struct setting s = set_up(&c);
    struct fast_part part = open_parts(&s, 1);
    assert_null(part.pass);
    fast_part_free(&part);
    tear_down(&s);
}

/* Four parts of 128 tokens, three of them behind 2 · 15. */
static void the_share_is_of_tokens_read(void **state) {
    (void)state;
    const struct ltm_model_config c = {.layers = 2, .window = 16, .sequence = 512, .latents = 4};
    assert_true(fast_part_share(&c, &(struct ltm_fast_config){.text_parts = 4}) == (512.0 + 3 * 30) / 4 / 512);
    assert_true(fast_part_share(&c, &(struct ltm_fast_config){.text_parts = 1}) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_add_up_to_the_gradient_of_the_text),
        cmocka_unit_test(looped_layers_look_back_further),
        cmocka_unit_test(one_part_needs_nothing),
        cmocka_unit_test(the_share_is_of_tokens_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
