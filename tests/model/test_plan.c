/* The plan: a block that is listed again is one layer applied again. */
#include <math.h>

#include "support/gradients.h"

#include "math/vector.h"
#include "model/decoder.h"
#include "stages/model_shape.h"

enum { SEQUENCES = 2, LENGTH = 13, LATENTS = 4, DIM = 12 };

static const struct ltm_model_config shape = {.dim = DIM,
                                              .layers = 3,
                                              .heads = 3,
                                              .kv_heads = 1,
                                              .ffn_multiple = 4,
                                              .sequence = LENGTH,
                                              .window = 5,
                                              .vocab = 19,
                                              .latents = 3 * LATENTS};

struct setting {
    struct decoder *decoder;
    struct decoder_pass *pass;
    int32_t tokens[SEQUENCES * LENGTH];
    int32_t targets[SEQUENCES * LENGTH];
    float z[SEQUENCES * 3 * LATENTS * DIM];
    float dz[SEQUENCES * 3 * LATENTS * DIM];
    float nll[SEQUENCES * LENGTH];
    float *gradient;
};

/* Layers 1 and 2 have the weights of layer 0 and the latents of its part: copies of them, or the plan names its block three times. */
static struct setting set_up(const struct ltm_model_config *config, bool shared, int gradients) {
    struct setting s;
    assert_int_equal(decoder_create(&s.decoder, config, NULL), LTM_OK);
    struct plan *plan = &s.decoder->plan;
    const struct weight_block *blocks = plan->table.blocks;
    float *random = test_normal(plan->table.size, 1, 0.3f);
    memcpy(s.decoder->weights, random, plan->table.size * sizeof *random);
    for (int l = 1; l < shape.layers; l++)
        memcpy(s.decoder->weights + blocks[1 + l].begin, s.decoder->weights + blocks[1].begin,
               block_size(&blocks[1]) * sizeof *random);
    free(random);
    for (int a = 0; shared && a < plan->count; a++)
        if (plan->applications[a].block >= 2 && plan->applications[a].block <= 3)
            plan->applications[a] = plan->applications[1 + (a - 1) % 3];
    for (int i = 0; i < SEQUENCES * LENGTH; i++) {
        s.tokens[i] = (i * 7 + 3) % shape.vocab;
        s.targets[i] = (i * 11 + 5) % shape.vocab;
    }
    float *part = test_normal(SEQUENCES * LATENTS * DIM, 2, 1);
    for (int g = 0; g < SEQUENCES; g++)
        for (int l = 0; l < shape.layers; l++)
            memcpy(s.z + (g * shape.layers + l) * LATENTS * DIM, part + g * LATENTS * DIM,
                   sizeof *part * LATENTS * DIM);
    free(part);
    assert_int_equal(decoder_pass_create(&s.pass, s.decoder, SEQUENCES, LENGTH, gradients, NULL), LTM_OK);
    s.gradient = test_zeros(plan->table.size);
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_latent_gradient(s.pass, s.z, NULL, s.nll, s.dz);
    decoder_weight_gradient(s.pass, s.z, NULL, s.nll, s.gradient);
    return s;
}

static void tear_down(struct setting *s) {
    decoder_pass_free(s->pass);
    decoder_free(s->decoder);
    free(s->gradient);
}

static void near(const char *what, float got, double expected) {
    if (!(fabs((double)got - expected) <= 2e-5 * (1 + fabs(expected))))
        fail_msg("%s: %.9g, not %.9g", what, (double)got, expected);
}

static void check_repeated_block(const struct ltm_model_config *config, int gradients) {
    struct setting copies = set_up(config, false, gradients);
    struct setting shared = set_up(config, true, gradients);
    const struct weight_block *blocks = copies.decoder->plan.table.blocks;
    const size_t n = block_size(&blocks[1]);
    assert_memory_equal(shared.nll, copies.nll, sizeof shared.nll);
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (int l = 0; l < shape.layers; l++) sum += (double)copies.gradient[blocks[1 + l].begin + i];
        near("gradient of the block", shared.gradient[blocks[1].begin + i], sum);
    }
    for (size_t i = 0; i < block_size(&blocks[0]); i++)
        near("gradient of the embedding", shared.gradient[i], (double)copies.gradient[i]);
    for (int g = 0; g < SEQUENCES; g++)
        for (int i = 0; i < LATENTS * DIM; i++) {
            const int at = g * shape.layers * LATENTS * DIM + i;
            double sum = 0;
            for (int l = 0; l < shape.layers; l++) sum += (double)copies.dz[at + l * LATENTS * DIM];
            near("gradient of the part of z", shared.dz[at], sum);
        }
    tear_down(&copies);
    tear_down(&shared);
}

static void a_block_listed_again_is_a_layer_applied_again(void **state) {
    (void)state;
    struct ltm_model_config mixing = shape; /* of values with those of the block's first application */
    mixing.value_residual = 1;
    check_repeated_block(&shape, 1);
    check_repeated_block(&shape, 2);
    check_repeated_block(&mixing, 1);
}

/* The latents' own projection has latent.init_scale, and all else starts as it does without the key. */
static void layers_projections_start_at_zero_by_their_key(void **state) {
    (void)state;
    struct ltm_model_config zero = shape;
    struct decoder *decoder[2];
    zero.init_projections = LTM_INIT_ZERO;
    assert_int_equal(decoder_create(&decoder[0], &shape, NULL), LTM_OK);
    assert_int_equal(decoder_create(&decoder[1], &zero, NULL), LTM_OK);
    const struct weight_table *table = &decoder[0]->plan.table;
    for (int i = 0; i < 2; i++) weights_initialise(decoder[i]->weights, &decoder[i]->plan.table, 1, 3);
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        const float *at = decoder[1]->weights + w->offset;
        if (strstr(w->name, ".attention.wo") || strstr(w->name, "feed_forward.w2"))
            assert_true(vector_sum_squares(at, weight_size(w)) == 0);
        else
            assert_memory_equal(at, decoder[0]->weights + w->offset, weight_size(w) * sizeof *at);
        if (w->rank == 1) assert_true(at[0] == 1 && at[w->rows - 1] == 1);
    }
    for (int i = 0; i < 2; i++) decoder_free(decoder[i]);
}

static void every_block_is_taken_once_from_the_last_to_the_first(void **state) {
    (void)state;
    struct setting s = set_up(&shape, false, 2);
    const struct weight_table *table = &s.decoder->plan.table;
    size_t end = 0;
    for (int b = 0; b < table->block_count; b++) {
        assert_true(table->blocks[b].begin == end);
        end = table->blocks[b].end;
    }
    assert_true(end == table->size);
    assert_string_equal(table->blocks[0].name, "tok_embeddings");
    assert_string_equal(table->blocks[2].name, "layers.1");
    assert_string_equal(table->blocks[table->block_count - 1].name, "norm");
    assert_int_equal(decoder_pass_gradients(&s.decoder->plan, 2), 3); /* the tied embedding's stays throughout */
    tear_down(&s);
}

/* A decoder of the other one's weights and, where it has more, of what those start with. */
static struct decoder *with_weights_of(const struct decoder *other, const struct ltm_model_config *config) {
    struct decoder *made;
    assert_int_equal(decoder_create(&made, config, NULL), LTM_OK);
    weights_initialise(made->weights, &made->plan.table, 1, 3);
    for (int i = 0; i < other->plan.table.count; i++) {
        const struct weight *from = &other->plan.table.weights[i];
        const struct weight *to = weights_find(&made->plan.table, from->name);
        memcpy(made->weights + to->offset, other->weights + from->offset, weight_size(from) * sizeof(float));
    }
    return made;
}

/* The nll under the other one's z. */
static void score(float *nll, const struct decoder *decoder, const struct setting *s) {
    struct decoder_pass *pass;
    assert_int_equal(decoder_pass_create(&pass, decoder, SEQUENCES, LENGTH, 0, NULL), LTM_OK);
    decoder_begin(pass, s->tokens, s->targets, SEQUENCES, LENGTH);
    decoder_score(pass, s->z, nll);
    decoder_pass_free(pass);
}

static void a_mix_begins_as_nothing(void **state) {
    (void)state;
    struct ltm_model_config mixing = shape;
    struct setting s = set_up(&shape, false, 1);
    float nll[SEQUENCES * LENGTH];
    mixing.mix_input = 1;
    struct decoder *decoder = with_weights_of(s.decoder, &mixing);
    assert_int_equal(decoder->plan.table.count, s.decoder->plan.table.count + 2 * shape.layers);
    score(nll, decoder, &s);
    assert_memory_equal(nll, s.nll, sizeof nll);
    decoder_free(decoder);
    tear_down(&s);
}

/* Of every layer's weight of that name, all numbers. */
static void set_weights(const struct decoder *decoder, const char *name, float value) {
    for (int i = 0; i < decoder->plan.table.count; i++) {
        const struct weight *w = &decoder->plan.table.weights[i];
        for (size_t j = 0; strstr(w->name, name) && j < weight_size(w); j++) decoder->weights[w->offset + j] = value;
    }
}

/* And half of each to begin with. */
static void values_are_the_layers_own_at_0_and_the_firsts_at_1(void **state) {
    (void)state;
    struct ltm_model_config mixing = shape;
    struct setting s = set_up(&shape, false, 1);
    float nll[SEQUENCES * LENGTH];
    float again[SEQUENCES * LENGTH];
    mixing.value_residual = 1;
    struct decoder *decoder = with_weights_of(s.decoder, &mixing);
    const struct weight *share = weights_find(&decoder->plan.table, "layers.1.attention.value_mix.weight");
    assert_non_null(share);
    assert_true(decoder->weights[share->offset] == 0.5f);
    set_weights(decoder, "value_mix", 0);
    score(nll, decoder, &s);
    assert_memory_equal(nll, s.nll, sizeof nll);
    set_weights(decoder, "value_mix", 1);
    score(nll, decoder, &s);
    assert_memory_not_equal(nll, s.nll, sizeof nll);
    for (int l = 1; l < shape.layers; l++) {
        char name[40];
        snprintf(name, sizeof name, "layers.%d.attention.wv", l);
        set_weights(decoder, name, 7);
    }
    score(again, decoder, &s);
    assert_memory_equal(again, nll, sizeof nll);
    decoder_free(decoder);
    tear_down(&s);
}

/* All else starts with the same bits, for the output comes last. */
static void an_output_of_its_own_is_the_last_block(void **state) {
    (void)state;
    struct ltm_model_config own = shape;
    struct plan plan[2];
    own.output = LTM_OUTPUT_OWN;
    assert_int_equal(plan_create(&plan[0], &shape, NULL), LTM_OK);
    assert_int_equal(plan_create(&plan[1], &own, NULL), LTM_OK);
    const struct weight_table *table = &plan[1].table;
    const struct weight *w = weights_find(table, "output.weight");
    assert_non_null(w);
    assert_true(w->offset == plan[0].table.size && weight_size(w) == (size_t)shape.vocab * DIM);
    assert_true(w->optimiser == WEIGHT_ELEMENTWISE && w->decays);
    assert_int_equal(table->product_count, plan[0].table.product_count); /* the embedding is in none */
    assert_int_equal(table->weights[0].product, -1);
    assert_int_equal(decoder_pass_gradients(&plan[1], 2), 2);
    assert_true(plan[1].flops == plan[0].flops);
    assert_true((size_t)model_vocab_weights(&own) == 2 * weight_size(w));
    float *start = test_zeros(plan[0].table.size);
    float *with = test_zeros(table->size);
    weights_initialise(start, &plan[0].table, 1, 3);
    weights_initialise(with, table, 1, 3);
    assert_memory_equal(with, start, plan[0].table.size * sizeof *start);
    const double spread = sqrt(vector_sum_squares(with + w->offset, weight_size(w)) / (double)weight_size(w));
    assert_true(fabs(spread - 0.02) < 0.003);
    free(start), free(with);
    for (int i = 0; i < 2; i++) plan_free(&plan[i]);
}

/* Before one does, nothing else would keep its weights where they started (loop.start). */
static void what_begins_a_loop_does_not_decay(void **state) {
    (void)state;
    for (int inject = LTM_INJECT_ADD; inject <= LTM_INJECT_DIAGONAL; inject++) {
        struct ltm_model_config c = shape;
        struct plan plan;
        c.prelude = 1;
        c.loops = 2;
        c.inject = inject;
        assert_int_equal(plan_create(&plan, &c, NULL), LTM_OK);
        int found = 0;
        for (int i = 0; i < plan.table.count; i++) {
            if (strncmp(plan.table.weights[i].name, "loop.", 5) != 0) continue;
            assert_false(plan.table.weights[i].decays);
            found++;
        }
        assert_true(found > 0);
        plan_free(&plan);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_listed_again_is_a_layer_applied_again),
        cmocka_unit_test(layers_projections_start_at_zero_by_their_key),
        cmocka_unit_test(a_mix_begins_as_nothing),
        cmocka_unit_test(values_are_the_layers_own_at_0_and_the_firsts_at_1),
        cmocka_unit_test(an_output_of_its_own_is_the_last_block),
        cmocka_unit_test(every_block_is_taken_once_from_the_last_to_the_first),
        cmocka_unit_test(what_begins_a_loop_does_not_decay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
