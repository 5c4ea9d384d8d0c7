/* The whole decoder's backward pass against finite differences, to z and to every weight; and what its workspace must not
 * change. */
#include "support/decoder_rig.h"
#include "support/model_keys.h"

#include "ltm/model.h"

static void check_latents(const struct ltm_model_config *config) {
    struct setting s = set_up(config);
    float *dz = test_zeros(s.latents);
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_latent_gradient(s.pass, s.z, NULL, s.nll, dz);
    check_gradient("z", s.z, dz, s.latents, 5e-3f, total_nll, &s);
    free(dz);
    tear_down(&s);
}

static void gradient_to_latents_is_that_of_the_nll(void **state) {
    (void)state;
    const struct ltm_model_config upper_two = upper(1);
    const struct ltm_model_config top = upper(2);
    check_latents(&grouped);
    check_latents(&upper_two);
    check_latents(&top);
}

static void check_weights(const struct ltm_model_config *config) {
    struct setting s = set_up(config);
    float *gradient = test_zeros(s.decoder->plan.table.size);
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_weight_gradient(s.pass, s.z, NULL, s.nll, gradient);
    for (int i = 0; i < s.decoder->plan.table.count; i++) {
        const struct weight *w = &s.decoder->plan.table.weights[i];
        check_gradient(w->name, s.decoder->weights + w->offset, gradient + w->offset,
                       (size_t)w->rows * (size_t)w->columns, step_of(w, gradient), total_nll, &s);
    }
    free(gradient);
    tear_down(&s);
}

static void gradient_to_every_weight_is_that_of_the_nll(void **state) {
    (void)state;
    check_weights(&grouped);
    struct ltm_model_config plain = grouped;
    plain.latents = 0;
    check_weights(&plain);
    const struct ltm_model_config upper_two = upper(1);
    const struct ltm_model_config top = upper(2);
    check_weights(&upper_two);
    check_weights(&top);
}

static void gradients_with_each_key_are_those_of_the_nll(void **state) {
    (void)state;
    struct ltm_model_config plain = grouped;
    const struct ltm_model_config upper_two = upper(1);
    plain.latents = 0;
    for (int i = 0; i < MODEL_KEYS; i++) {
        const struct ltm_model_config with[3] = {model_with_key(grouped, i), model_with_key(plain, i),
                                                 model_with_key(upper_two, i)};
        for (int k = 0; k < 3 && !with[k].backprop; k++) { /* whose gradient leaves loops out */
            check_weights(&with[k]);
            if (with[k].latents) check_latents(&with[k]);
        }
    }
}

/* Nor does a slow step's first draw of z change what its second finds. */
static void check_left_alone(const struct ltm_model_config *config) {
    struct setting s = set_up(config);
    const size_t bytes = s.decoder->plan.table.size * sizeof(float);
    float *before = malloc(bytes);
    float *gradient = test_zeros(s.decoder->plan.table.size);
    float *again = test_zeros(s.decoder->plan.table.size);
    float *dz = test_zeros(s.latents);
    memcpy(before, s.decoder->weights, bytes);
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_weight_gradient(s.pass, s.z, NULL, s.nll, gradient);
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    for (int step = 0; step < 3; step++) decoder_latent_gradient(s.pass, s.z, NULL, s.nll, dz);
    decoder_weight_gradient(s.pass, s.z, NULL, s.nll, again);
    assert_memory_equal(before, s.decoder->weights, bytes);
    assert_memory_equal(gradient, again, bytes);
    memset(again, 0, bytes);
    decoder_weight_gradient(s.pass, s.z, NULL, s.nll, again);
    assert_memory_equal(gradient, again, bytes);
    free(before), free(gradient), free(again), free(dz);
    tear_down(&s);
}

/* Behind a prelude that runs once, with all that reads what was before. */
static void gradients_in_loops_are_those_of_the_nll(void **state) {
    (void)state;
    for (int inject = LTM_INJECT_NONE; inject <= LTM_INJECT_DIAGONAL; inject++) {
        struct ltm_model_config with = upper(1);
        with.prelude = 1;
        with.coda = inject % 2;
        with.loops = 3;
        with.inject = inject;
        check_weights(&with);
        check_latents(&with);
        with.mix_input = with.value_residual = 1;
        with.dropout = 0.3;
        check_weights(&with);
        check_latents(&with);
        check_left_alone(&with);
        with.latents = 0;
        check_weights(&with);
    }
}

/* Without latents a document's scores are those of the document alone, whatever stands before it. */
static void a_masked_document_knows_nothing_of_those_before(void **state) {
    (void)state;
    enum { AT = 4 };
    struct ltm_model_config config = grouped;
    config.latents = 0;
    config.window = LENGTH;
    config.packing = LTM_PACKING_MASKED;
    config.document_end = 28;
    struct setting s = set_up(&config);
    float first[TOKENS];
    for (int i = 0; i < TOKENS; i++) s.tokens[i] %= 28;
    s.tokens[AT] = 28;
    memcpy(s.tokens + LENGTH, s.tokens + AT, (LENGTH - AT) * sizeof *s.tokens);
    memcpy(s.targets + LENGTH, s.targets + AT, (LENGTH - AT) * sizeof *s.targets);
    total_nll(&s);
    memcpy(first, s.nll, sizeof first);
    for (int t = AT; t < LENGTH; t++) assert_true(fabsf(first[t] - first[LENGTH + t - AT]) < 1e-4f);
    s.tokens[AT - 1] = (s.tokens[AT - 1] + 1) % 28;
    total_nll(&s);
    assert_true(first[AT - 1] != s.nll[AT - 1]);
    assert_memory_equal(first + AT, s.nll + AT, (LENGTH - AT) * sizeof *first);
    s.tokens[AT] = 0; /* no end */
    total_nll(&s);
    assert_true(fabsf(first[AT + 1] - s.nll[AT + 1]) > 1e-3f);
    tear_down(&s);
}

static struct ltm_model_config dropping(struct ltm_model_config c) {
    c.dropout = 0.3;
    return c;
}

static void gradients_under_dropout_are_those_of_the_nll(void **state) {
    (void)state;
    struct ltm_model_config plain = grouped;
    plain.latents = 0;
    const struct ltm_model_config with[3] = {dropping(grouped), dropping(plain), dropping(upper(1))};
    for (int k = 0; k < 3; k++) {
        check_weights(&with[k]);
        if (with[k].latents) check_latents(&with[k]);
    }
}

/* What a sequence drops depends on its number and the slow step alone, and ends with training. */
static void dropout_is_of_a_sequence_and_a_slow_step(void **state) {
    (void)state;
    const struct ltm_model_config config = dropping(grouped);
    struct setting s = set_up(&config);
    struct setting without = set_up(&grouped);
    const struct decoder_dropout swapped = {.seed = 3, .step = 5, .sequences = (const uint32_t[]){8, 7}};
    const struct decoder_dropout later = {.seed = 3, .step = 6, .sequences = numbers};
    float first[TOKENS];
    float second[TOKENS];
    float whole[TOKENS];
    for (int i = 0; i < LENGTH; i++) {
        s.tokens[LENGTH + i] = s.tokens[i];
        s.targets[LENGTH + i] = s.targets[i];
    }
    memcpy(without.tokens, s.tokens, sizeof s.tokens);
    memcpy(without.targets, s.targets, sizeof s.targets);
    memcpy(s.z + s.latents / SEQUENCES, s.z, s.latents / SEQUENCES * sizeof *s.z);
    memcpy(without.z, s.z, s.latents * sizeof *s.z);
    total_nll(&s);
    memcpy(first, s.nll, sizeof first);
    for (int i = 0; i < LENGTH; i++) assert_true(fabsf(first[i] - first[LENGTH + i]) > 1e-3f);
    decoder_drop_out(s.pass, &swapped);
    total_nll(&s);
    memcpy(second, s.nll, sizeof second);
    for (int i = 0; i < TOKENS; i++) /* a product's rounding depends on where in it a row stands */
        assert_true(fabsf(first[i] - second[(i + LENGTH) % TOKENS]) < 1e-4f * first[i]);
    decoder_drop_out(s.pass, &later);
    total_nll(&s);
    assert_memory_not_equal(first, s.nll, sizeof first);
    decoder_drop_out(s.pass, NULL);
    total_nll(&s);
    total_nll(&without);
    memcpy(whole, without.nll, sizeof whole);
    assert_memory_equal(whole, s.nll, sizeof whole);
    tear_down(&s);
    tear_down(&without);
}

static double weighted_nll(void *user) {
    struct setting *s = user;
    float weights[TOKENS];
    fill_weights(weights);
    total_nll(user);
    return test_weigh(weights, s->nll, TOKENS);
}

static void tokens_count_by_their_weights(void **state) {
    (void)state;
    struct setting s = set_up(&grouped);
    const size_t n = s.decoder->plan.table.size;
    float *gradient = test_zeros(n);
    float *dz = test_zeros(s.latents);
    float weights[TOKENS];
    fill_weights(weights);
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_latent_gradient(s.pass, s.z, weights, s.nll, dz);
    decoder_weight_gradient(s.pass, s.z, weights, s.nll, gradient);
    check_gradient("z, weighted", s.z, dz, s.latents, 5e-3f, weighted_nll, &s);
    check_gradient("weights, weighted", s.decoder->weights, gradient, n, 2e-3f, weighted_nll, &s);
    free(gradient), free(dz);
    tear_down(&s);
}

static void weights_of_one_change_no_bit(void **state) {
    (void)state;
    struct setting s = set_up(&grouped);
    const size_t n = s.decoder->plan.table.size;
    float *gradient[2] = {test_zeros(n), test_zeros(n)};
    float *dz[2] = {test_zeros(s.latents), test_zeros(s.latents)};
    float weights[TOKENS];
    for (int i = 0; i < TOKENS; i++) weights[i] = 1;
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    for (int i = 0; i < 2; i++) {
        decoder_latent_gradient(s.pass, s.z, i ? weights : NULL, s.nll, dz[i]);
        decoder_weight_gradient(s.pass, s.z, i ? weights : NULL, s.nll, gradient[i]);
    }
    assert_memory_equal(gradient[0], gradient[1], n * sizeof(float));
    assert_memory_equal(dz[0], dz[1], s.latents * sizeof(float));
    for (int i = 0; i < 2; i++) free(gradient[i]), free(dz[i]);
    tear_down(&s);
}

static void a_masked_target_changes_no_bit_of_a_gradient(void **state) {
    (void)state;
    struct setting s = set_up(&grouped);
    const size_t n = s.decoder->plan.table.size;
    float *gradient[2] = {test_zeros(n), test_zeros(n)};
    float *dz[2] = {test_zeros(s.latents), test_zeros(s.latents)};
    float nll[2][TOKENS];
    float weights[TOKENS];
    fill_weights(weights);
    for (int i = 0; i < 2; i++) {
        decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
        decoder_latent_gradient(s.pass, s.z, weights, nll[i], dz[i]);
        decoder_weight_gradient(s.pass, s.z, weights, nll[i], gradient[i]);
        for (int t = 0; t < TOKENS; t += 3) s.targets[t] = (s.targets[t] + 1) % grouped.vocab;
    }
    assert_memory_equal(gradient[0], gradient[1], n * sizeof(float));
    assert_memory_equal(dz[0], dz[1], s.latents * sizeof(float));
    for (int t = 0; t < TOKENS; t++) assert_int_equal(nll[0][t] == nll[1][t], t % 3 != 0);
    for (int i = 0; i < 2; i++) free(gradient[i]), free(dz[i]);
    tear_down(&s);
}

static void fast_loop_leaves_weights_and_their_gradient_alone(void **state) {
    (void)state;
    const struct ltm_model_config top = upper(2);
    check_left_alone(&grouped);
    check_left_alone(&top);
    for (int i = 0; i < MODEL_KEYS; i++) {
        const struct ltm_model_config with[2] = {model_with_key(grouped, i), model_with_key(top, i)};
        for (int k = 0; k < 2; k++) check_left_alone(&with[k]);
    }
}

static void layer_weights_stand_side_by_side(void **state) {
    (void)state;
    struct setting s = set_up(&grouped);
    const struct weight *w = s.decoder->plan.table.weights;
    size_t end = 0;
    for (int i = 0; i < s.decoder->plan.table.count; i++) {
        assert_true(w[i].offset == end);
        end = w[i].offset + (size_t)w[i].rows * (size_t)w[i].columns;
    }
    assert_true(end == s.decoder->plan.table.size);
    assert_string_equal(w[1].name, "layers.0.attention_norm.weight");
    assert_string_equal(w[2].name, "layers.0.attention.wq.weight"); /* one product takes it with wk and wv */
    assert_int_equal(w[2].product, w[4].product);
    assert_int_equal(s.decoder->plan.table.products[w[2].product].out, w[2].rows + w[3].rows + w[4].rows);
    assert_string_equal(w[3].name, "layers.0.attention.wk.weight");
    assert_string_equal(w[4].name, "layers.0.attention.wv.weight");
    tear_down(&s);
}

static void parameter_counts_are_the_papers(void **state) {
    (void)state;
    struct ltm_model_config c = {.dim = 512,
                                 .heads = 8,
                                 .kv_heads = LTM_AUTO,
                                 .ffn_multiple = 32,
                                 .vocab = 50258,
                                 .sequence = 1024,
                                 .window = 256};
    const int layers[3] = {3, 6, 12};
    const int latents[3] = {24, 24, 96};
    const int millions[3] = {38, 51, 76};
    for (int i = 0; i < 3; i++) {
        c.layers = layers[i];
        c.latents = latents[i];
        assert_int_equal((int)(ltm_parameter_count(&c) / 1000000), millions[i]);
    }
    struct setting s = set_up(&grouped);
    assert_int_equal(ltm_parameter_count(&grouped), (int64_t)s.decoder->plan.table.size);
    tear_down(&s);
    const struct ltm_model_config top = upper(2);
    s = set_up(&top);
    assert_int_equal(ltm_parameter_count(&top), (int64_t)s.decoder->plan.table.size);
    assert_true(ltm_forward_flops(&top) < ltm_forward_flops(&grouped));
    tear_down(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_to_latents_is_that_of_the_nll),
        cmocka_unit_test(gradient_to_every_weight_is_that_of_the_nll),
        cmocka_unit_test(gradients_with_each_key_are_those_of_the_nll),
        cmocka_unit_test(gradients_in_loops_are_those_of_the_nll),
        cmocka_unit_test(a_masked_document_knows_nothing_of_those_before),
        cmocka_unit_test(gradients_under_dropout_are_those_of_the_nll),
        cmocka_unit_test(dropout_is_of_a_sequence_and_a_slow_step),
        cmocka_unit_test(tokens_count_by_their_weights),
        cmocka_unit_test(weights_of_one_change_no_bit),
        cmocka_unit_test(a_masked_target_changes_no_bit_of_a_gradient),
        cmocka_unit_test(fast_loop_leaves_weights_and_their_gradient_alone),
        cmocka_unit_test(layer_weights_stand_side_by_side),
        cmocka_unit_test(parameter_counts_are_the_papers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
