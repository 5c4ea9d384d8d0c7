/* A core that runs in loops: against decoders whose layers are copies, and what one loop leaves as it was. */
#include <math.h>

#include "support/loops_rig.h"

#include "ltm/model.h"
#include "math/vector.h"
#include "stages/model_shape.h"

static void one_loop_is_no_loop_to_the_bit(void **state) {
    (void)state;
    struct ltm_model_config once = shape;
    struct ltm_model_config plain = shape;
    once.loops = 1;
    once.inject = LTM_INJECT_DIAGONAL;
    plain.prelude = plain.coda = 0;
    struct setting a = set_up(&once);
    struct setting b = set_up(&plain);
    assert_int_equal(a.decoder->plan.count, b.decoder->plan.count);
    assert_true(a.decoder->plan.table.size == b.decoder->plan.table.size);
    run(&a);
    run(&b);
    assert_memory_equal(a.nll, b.nll, sizeof a.nll);
    assert_memory_equal(a.gradient, b.gradient, a.decoder->plan.table.size * sizeof(float));
    assert_memory_equal(a.dz, b.dz, (size_t)(SEQUENCES * shape.latents * DIM) * sizeof(float));
    tear_down(&a);
    tear_down(&b);
}

/* The layer that stands at place i of the unrolled decoder. */
static int layer_at(const struct ltm_model_config *c, int i) {
    const int core = model_core(c);
    const int in = i - c->prelude;
    if (in < 0) return i;
    if (in >= core * model_loops(c)) return i - core * (model_loops(c) - 1);
    return c->prelude + (c->order == LTM_ORDER_AABB ? in / model_loops(c) : in % core);
}

static struct ltm_model_config unrolled(const struct ltm_model_config *c) {
    struct ltm_model_config u = *c;
    u.layers = model_depth(c);
    u.latents = M * (u.layers - c->latent_from);
    u.loops = 1;
    u.prelude = u.coda = 0;
    return u;
}

/* Blocks of both before and behind the layers are alike. */
static int block_at(const struct ltm_model_config *c, const struct ltm_model_config *u, int block) {
    if (block == 0) return 0;
    if (block <= u->layers) return 1 + layer_at(c, block - 1);
    return block - u->layers + c->layers;
}

static void near(const char *what, float got, double expected) {
    if (!(fabs((double)got - expected) <= 3e-5 * (1 + fabs(expected))))
        fail_msg("%s: %.9g, not %.9g", what, (double)got, expected);
}

/* Does what the layer at place i does reach the weights? */
static bool has_gradient(const struct ltm_model_config *c, int i) {
    return c->backprop == 0 || c->backprop >= model_loops(c) ||
           i >= c->prelude + model_core(c) * (model_loops(c) - c->backprop);
}

static void check_unrolled(const struct ltm_model_config *c) {
    const struct ltm_model_config u = unrolled(c);
    struct setting looped = set_up(c);
    struct setting copies = set_up(&u);
    const struct weight_table *small = &looped.decoder->plan.table;
    const struct weight_table *large = &copies.decoder->plan.table;
    const size_t part = M * DIM;
    double *sums = calloc(small->size, sizeof *sums);
    double *dz = calloc((size_t)(SEQUENCES * c->latents * DIM), sizeof *dz);
    assert_true(sums && dz);
    for (int b = 0; b < large->block_count; b++)
        memcpy(copies.decoder->weights + large->blocks[b].begin,
               looped.decoder->weights + small->blocks[block_at(c, &u, b)].begin,
               block_size(&large->blocks[b]) * sizeof(float));
    for (int g = 0; g < SEQUENCES; g++)
        for (int l = u.latent_from; l < u.layers; l++)
            memcpy(copies.z + ((size_t)g * (size_t)(u.layers - 1) + (size_t)(l - 1)) * part,
                   looped.z + ((size_t)g * (size_t)(c->layers - 1) + (size_t)(layer_at(c, l) - 1)) * part,
                   part * sizeof(float));
    run(&looped);
    run(&copies);
    assert_memory_equal(looped.nll, copies.nll, sizeof looped.nll);
    for (int b = 0; b < large->block_count; b++)
        for (size_t i = 0; (b < 1 || has_gradient(c, b - 1)) && i < block_size(&large->blocks[b]); i++)
            sums[small->blocks[block_at(c, &u, b)].begin + i] += (double)copies.gradient[large->blocks[b].begin + i];
    for (size_t i = c->backprop ? block_size(&small->blocks[0]) : 0; i < small->size; i++)
        near("gradient of a weight", looped.gradient[i], sums[i]);
    for (int g = 0; g < SEQUENCES; g++)
        for (int l = u.latent_from; l < u.layers; l++)
            for (size_t i = 0; has_gradient(c, l) && i < part; i++)
                dz[((size_t)g * (size_t)(c->layers - 1) + (size_t)(layer_at(c, l) - 1)) * part + i] +=
                    (double)copies.dz[((size_t)g * (size_t)(u.layers - 1) + (size_t)(l - 1)) * part + i];
    for (int i = 0; i < SEQUENCES * c->latents * DIM; i++) near("gradient of z", looped.dz[i], dz[i]);
    assert_true(ltm_parameter_count(c) < ltm_parameter_count(&u));
    int64_t recurrent = 0;
    for (int b = 0; b < small->block_count; b++) {
        int times = 0;
        for (int k = 0; k < large->block_count; k++) times += block_at(c, &u, k) == b;
        recurrent += times > 1 ? (int64_t)block_size(&small->blocks[b]) : 0;
    }
    assert_int_equal(ltm_recurrent_parameter_count(c), recurrent);
    assert_int_equal(ltm_recurrent_parameter_count(&u), 0);
    assert_true(fabs(ltm_forward_flops(c) - ltm_forward_flops(&u)) < 1e-9 * ltm_forward_flops(&u));
    free(sums), free(dz);
    tear_down(&looped);
    tear_down(&copies);
}

static void loops_are_as_many_layers_of_the_same_weights(void **state) {
    (void)state;
    for (int loops = 2; loops <= 3; loops++) {
        struct ltm_model_config c = shape;
        c.loops = loops;
        check_unrolled(&c);
        c.order = LTM_ORDER_AABB;
        check_unrolled(&c);
        c.output = LTM_OUTPUT_OWN;
        c.order = LTM_ORDER_ABAB;
        check_unrolled(&c);
    }
}

static void a_gradient_goes_through_the_last_loops(void **state) {
    (void)state;
    struct ltm_model_config c = shape;
    c.value_residual = 0; /* of which the copies before have a part */
    c.loops = 3;
    for (c.backprop = 1; c.backprop <= 3; c.backprop++) check_unrolled(&c);
}

/* As much as of all, to the bit, where it goes through as many; and where it does not, what the prelude left still has one. */
static void a_gradient_through_all_loops_is_the_whole_one(void **state) {
    (void)state;
    struct ltm_model_config c = shape;
    c.loops = 3;
    c.inject = LTM_INJECT_ADD;
    struct setting whole = set_up(&c);
    const size_t bytes = whole.decoder->plan.table.size * sizeof(float);
    run(&whole);
    for (c.backprop = 1; c.backprop <= 4; c.backprop++) {
        struct setting last = set_up(&c);
        const struct weight_block *prelude = &last.decoder->plan.table.blocks[1];
        run(&last);
        assert_memory_equal(last.nll, whole.nll, sizeof last.nll);
        if (c.backprop >= 3)
            assert_memory_equal(last.gradient, whole.gradient, bytes);
        else
            assert_memory_not_equal(last.gradient, whole.gradient, bytes);
        assert_true(vector_sum_squares(last.gradient + prelude->begin, block_size(prelude)) > 0);
        tear_down(&last);
    }
    tear_down(&whole);
}

/* As far as in training, though what it is fitted for reads the state of all loops. */
static void a_fit_without_weight_gradients_goes_as_far(void **state) {
    (void)state;
    struct ltm_model_config c = shape;
    const size_t bytes = (size_t)(SEQUENCES * c.latents * DIM) * sizeof(float);
    c.loops = 3;
    c.inject = LTM_INJECT_CONCAT;
    c.backprop = 1;
    struct setting s = set_up(&c);
    struct decoder_pass *pass;
    float *dz = test_zeros(bytes / sizeof(float));
    run(&s);
    assert_int_equal(decoder_pass_create(&pass, s.decoder, SEQUENCES, LENGTH, 0, NULL), LTM_OK);
    decoder_begin(pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_latent_gradient(pass, s.z, NULL, s.nll, dz);
    assert_memory_equal(dz, s.dz, bytes);
    decoder_pass_free(pass);
    free(dz);
    tear_down(&s);
}

/* A fit comes to its first reader again and again, be that the first of a loop that keeps nothing (latent.read = keys). */
static void a_loop_that_keeps_nothing_serves_many_z(void **state) {
    (void)state;
    struct ltm_model_config c = shape;
    const size_t bytes = (size_t)(SEQUENCES * c.latents * DIM) * sizeof(float);
    c.loops = 3;
    c.backprop = 1;
    c.inject = LTM_INJECT_ADD;
    c.latent_read = LTM_READ_KEYS;
    c.mix_input = c.value_residual = 0;
    struct setting s = set_up(&c);
    struct decoder_pass *pass;
    float nll[TOKENS];
    assert_int_equal(decoder_pass_create(&pass, s.decoder, SEQUENCES, LENGTH, 1, NULL), LTM_OK);
    decoder_begin(pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_latent_gradient(pass, s.z, NULL, s.nll, s.dz);
    float *dz = test_zeros(bytes / sizeof(float));
    decoder_latent_gradient(pass, s.z, NULL, nll, dz);
    assert_memory_equal(s.nll, nll, sizeof nll);
    assert_memory_equal(s.dz, dz, bytes);
    decoder_weight_gradient(pass, s.z, NULL, nll, s.gradient);
    assert_memory_equal(s.nll, nll, sizeof nll);
    decoder_pass_free(pass);
    free(dz);
    tear_down(&s);
}

/* Loops below all that reads z run once for many z, though most of them keep nothing: other weights of theirs change no score. */
static void loops_that_z_has_no_say_in_run_once(void **state) {
    (void)state;
    struct ltm_model_config c = shape;
    c.latent_from = 3;
    c.latents = M;
    c.loops = 3;
    c.inject = LTM_INJECT_ADD;
    c.backprop = 1;
    struct setting s = set_up(&c);
    struct decoder_pass *pass;
    float nll[TOKENS];
    const struct weight_block *core = &s.decoder->plan.table.blocks[s.decoder->plan.core.block_begin];
    float *gradient = test_zeros(s.decoder->plan.table.size);
    assert_int_equal(decoder_pass_create(&pass, s.decoder, SEQUENCES, LENGTH, 1, NULL), LTM_OK);
    decoder_begin(pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_weight_gradient(pass, s.z, NULL, nll, gradient);
    decoder_begin(pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_latent_gradient(pass, s.z, NULL, s.nll, s.dz);
    assert_memory_equal(nll, s.nll, sizeof nll);
    vector_scale(s.decoder->weights + core->begin, 2, block_size(core));
    decoder_latent_gradient(pass, s.z, NULL, s.nll, s.dz);
    assert_memory_equal(nll, s.nll, sizeof nll);
    vector_scale(s.decoder->weights + core->begin, 0.5f, block_size(core));
    decoder_weight_gradient(pass, s.z, NULL, s.nll, s.gradient);
    assert_memory_equal(gradient, s.gradient, s.decoder->plan.table.size * sizeof(float));
    decoder_pass_free(pass);
    free(gradient);
    tear_down(&s);
}

static size_t workspace(int loops, int backprop) {
    struct ltm_model_config c = shape;
    struct plan plan;
    c.loops = loops;
    c.backprop = backprop;
    c.inject = LTM_INJECT_ADD;
    assert_int_equal(plan_create(&plan, &c, NULL), LTM_OK);
    const size_t bytes = decoder_pass_bytes(&plan, 8, LENGTH, 1, false);
    plan_free(&plan);
    return bytes;
}

/* All that a loop more takes is pointers. */
static void loops_without_a_gradient_keep_nothing(void **state) {
    (void)state;
    const size_t loop = workspace(9, 0) - workspace(8, 0);
    assert_true(workspace(9, 2) - workspace(8, 2) < loop / 8);
    assert_true(workspace(8, 3) - workspace(8, 2) > loop / 2);
    assert_true(workspace(8, 2) < workspace(4, 0));
}

/* No loop looks ahead. */
static void a_token_changes_no_score_before_it(void **state) {
    (void)state;
    enum { AT = 6 };
    for (int inject = LTM_INJECT_NONE; inject <= LTM_INJECT_DIAGONAL; inject++) {
        struct ltm_model_config c = shape;
        float before[TOKENS];
        c.loops = 4;
        c.inject = inject;
        struct setting s = set_up(&c);
        run(&s);
        memcpy(before, s.nll, sizeof before);
        s.tokens[AT] = (s.tokens[AT] + 1) % c.vocab;
        run(&s);
        assert_memory_equal(before, s.nll, AT * sizeof *before);
        assert_true(before[AT] != s.nll[AT] && before[AT + 1] != s.nll[AT + 1]);
        assert_memory_equal(before + LENGTH, s.nll + LENGTH, LENGTH * sizeof *before);
        tear_down(&s);
    }
}

/* Each loop's own weights, alike, are as the shared ones; and the shared ones' gradient is their sum. */
static void own_weights_of_loops_add_up_to_shared_ones(void **state) {
    (void)state;
    for (int inject = LTM_INJECT_ADD; inject <= LTM_INJECT_DIAGONAL; inject++) {
        struct ltm_model_config c = shape;
        c.loops = 4;
        c.inject = inject;
        struct setting shared = set_up(&c);
        c.loop_gains = LTM_LOOP_GAINS_OWN;
        struct setting own = set_up(&c);
        const struct weight_table *one = &shared.decoder->plan.table;
        const struct weight_table *each = &own.decoder->plan.table;
        const int loop = shared.decoder->plan.core.block_end - 1;
        const size_t n = block_size(&one->blocks[loop]);
        assert_string_equal(one->blocks[loop].name, "loop");
        assert_string_equal(each->blocks[loop].name, "loops.1");
        for (int b = 0; b < each->block_count; b++)
            memcpy(own.decoder->weights + each->blocks[b].begin,
                   shared.decoder->weights + one->blocks[b <= loop       ? b
                                                         : b <= loop + 2 ? loop
                                                                         : b - 2]
                                                 .begin,
                   block_size(&each->blocks[b]) * sizeof(float));
        run(&shared);
        run(&own);
        assert_memory_equal(shared.nll, own.nll, sizeof own.nll);
        for (size_t i = 0; i < n; i++) {
            double sum = 0;
            for (int b = loop; b <= loop + 2; b++) sum += (double)own.gradient[each->blocks[b].begin + i];
            near("gradient of an injection", shared.gradient[one->blocks[loop].begin + i], sum);
        }
        tear_down(&shared);
        tear_down(&own);
    }
}

/* As it starts, what the prelude left is the fixed point, where layers add nothing. */
static void a_contraction_begins_where_the_prelude_ended(void **state) {
    (void)state;
    struct ltm_model_config c = shape;
    struct setting once = set_up(&c);
    c.loops = 4;
    c.inject = LTM_INJECT_DIAGONAL;
    c.init_projections = LTM_INIT_ZERO;
    struct setting loops = set_up(&c);
    weights_initialise(loops.decoder->weights, &loops.decoder->plan.table, 0, 3);
    for (int i = 0; i < once.decoder->plan.table.count; i++) {
        const struct weight *w = &once.decoder->plan.table.weights[i];
        const struct weight *from = weights_find(&loops.decoder->plan.table, w->name);
        memcpy(once.decoder->weights + w->offset, loops.decoder->weights + from->offset,
               weight_size(w) * sizeof(float));
    }
    run(&once);
    run(&loops);
    for (int i = 0; i < TOKENS; i++) near("-log p", loops.nll[i], (double)once.nll[i]);
    tear_down(&once);
    tear_down(&loops);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_loop_is_no_loop_to_the_bit),
        cmocka_unit_test(loops_are_as_many_layers_of_the_same_weights),
        cmocka_unit_test(a_gradient_goes_through_the_last_loops),
        cmocka_unit_test(a_gradient_through_all_loops_is_the_whole_one),
        cmocka_unit_test(a_fit_without_weight_gradients_goes_as_far),
        cmocka_unit_test(a_loop_that_keeps_nothing_serves_many_z),
        cmocka_unit_test(loops_that_z_has_no_say_in_run_once),
        cmocka_unit_test(loops_without_a_gradient_keep_nothing),
        cmocka_unit_test(a_token_changes_no_score_before_it),
        cmocka_unit_test(own_weights_of_loops_add_up_to_shared_ones),
        cmocka_unit_test(a_contraction_begins_where_the_prelude_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
