/* A sequence read chunk by chunk, as streaming latents read it: what the pass keeps between chunks, and the gradient within one. */
#include "support/decoder_rig.h"
#include "support/model_keys.h"

#include "config/chunks.h"
#include "model/decoder_pass.h"

enum { CHUNK = 4 };

static void assert_near(double x, double y, double tolerance) {
    if (!(fabs(x - y) <= tolerance)) fail_msg("%.9g and %.9g are more than %g apart", x, y, tolerance);
}

static struct ltm_model_config streaming(struct ltm_model_config c, int chunk) {
    c.latent_kind = LTM_LATENT_STREAMING;
    c.chunk = chunk;
    return c;
}

/* One chunk of all sequences, `from` on. */
struct chunk {
    int32_t tokens[TOKENS], targets[TOKENS];
    float nll[TOKENS];
    int length;
};

static void read_chunk(struct setting *s, struct chunk *chunk, int from) {
    chunk->length = LENGTH - from < CHUNK ? LENGTH - from : CHUNK;
    for (int g = 0; g < SEQUENCES; g++)
        for (int t = 0; t < chunk->length; t++) {
            chunk->tokens[g * chunk->length + t] = s->tokens[g * LENGTH + from + t];
            chunk->targets[g * chunk->length + t] = s->targets[g * LENGTH + from + t];
        }
    if (from)
        decoder_continue(s->pass, chunk->tokens, chunk->targets, chunk->length);
    else
        decoder_begin(s->pass, chunk->tokens, chunk->targets, SEQUENCES, chunk->length);
}

static double chunk_nll(const struct chunk *chunk) {
    double sum = 0;
    for (int i = 0; i < SEQUENCES * chunk->length; i++) sum += chunk->nll[i];
    return sum;
}

/* To rounding: a product of fewer rows may add in another order. */
static void check_twin(const struct ltm_model_config *config) {
    const struct ltm_model_config by_chunks = streaming(*config, CHUNK);
    const struct ltm_model_config at_once = streaming(*config, LENGTH + 1);
    struct setting s = set_up(&by_chunks);
    struct setting whole = set_up(&at_once);
    decoder_drop_out(whole.pass, NULL);
    decoder_drop_out(s.pass, NULL);
    decoder_begin(whole.pass, whole.tokens, whole.targets, SEQUENCES, LENGTH);
    decoder_score(whole.pass, s.z, whole.nll);
    for (int from = 0; from < LENGTH; from += CHUNK) {
        struct chunk c;
        read_chunk(&s, &c, from);
        decoder_score(s.pass, s.z, c.nll);
        for (int i = 0; i < SEQUENCES * c.length; i++)
            assert_near(c.nll[i], whole.nll[i / c.length * LENGTH + from + i % c.length], 3e-5);
    }
    tear_down(&s);
    tear_down(&whole);
}

static void chunk_by_chunk_a_sequence_scores_as_at_once(void **state) {
    (void)state;
    struct ltm_model_config full = grouped;
    struct ltm_model_config odd = grouped; /* its last chunk is shorter and sees all of the others */
    full.window = full.sequence;
    odd.window = odd.sequence = LENGTH;
    odd.latents = 9;
    check_twin(&grouped);
    check_twin(&full);
    check_twin(&odd);
    for (int i = 0; i < MODEL_KEYS; i++) {
        const struct ltm_model_config with = model_with_key(grouped, i);
        if (!with.backprop) check_twin(&with);
    }
}

/* m + a u in place of z: a decoder that does not stream, with the same weights but m and a. */
static void one_chunk_is_a_plain_decoder_under_its_start(void **state) {
    (void)state;
    const struct ltm_model_config config = streaming(grouped, LENGTH + 1);
    struct setting s = set_up(&config);
    struct setting plain = set_up(&grouped);
    float *dz = test_zeros(s.latents);
    float *gradient = test_zeros(s.decoder->plan.table.size);
    float *expected = test_zeros(plain.decoder->plan.table.size);
    float nll[TOKENS];
    for (int i = 0; i < plain.decoder->plan.table.count; i++) {
        const struct weight *to = &plain.decoder->plan.table.weights[i];
        const struct weight *from = weights_find(&s.decoder->plan.table, to->name);
        memcpy(plain.decoder->weights + to->offset, s.decoder->weights + from->offset, weight_size(to) * sizeof(float));
    }
    const size_t part = s.latents / SEQUENCES / 3;
    memset(s.z, 0, s.latents * sizeof(float));
    for (size_t i = 0; i < s.latents; i++) {
        char name[60];
        snprintf(name, sizeof name, "layers.%d.cross_attention.start.weight", (int)(i / part % 3));
        plain.z[i] = s.decoder->weights[weights_find(&s.decoder->plan.table, name)->offset + i % part];
    }
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_weight_gradient(s.pass, s.z, NULL, nll, gradient);
    decoder_begin(plain.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_weight_gradient(plain.pass, plain.z, NULL, plain.nll, expected);
    assert_memory_equal(nll, plain.nll, sizeof nll);
    for (int i = 0; i < plain.decoder->plan.table.count; i++) {
        const struct weight *to = &plain.decoder->plan.table.weights[i];
        const struct weight *from = weights_find(&s.decoder->plan.table, to->name);
        assert_memory_equal(expected + to->offset, gradient + from->offset, weight_size(to) * sizeof(float));
    }
    free(dz);
    free(gradient);
    free(expected);
    tear_down(&s);
    tear_down(&plain);
}

/* All chunks under z, and what comes before each read under other latents, and with other weights, that do not move. */
struct held {
    struct setting *s;
    float *weights, *before;
};

static double nll_with_past_held(void *user) {
    struct held *h = user;
    struct setting *s = h->s;
    const size_t bytes = s->decoder->plan.table.size * sizeof(float);
    float *moved = malloc(bytes);
    double sum = 0;
    memcpy(moved, s->decoder->weights, bytes);
    for (int last = 0; last < LENGTH; last += CHUNK)
        for (int from = 0; from <= last; from += CHUNK) {
            struct chunk c;
            memcpy(s->decoder->weights, from < last ? h->weights : moved, bytes);
            read_chunk(s, &c, from);
            decoder_score(s->pass, from < last ? h->before : s->z, c.nll);
            if (from == last) sum += chunk_nll(&c);
        }
    free(moved);
    return sum;
}

static void add_block(void *user, int block, const float *gradient) {
    struct held *h = user;
    const struct weight_block *b = &h->s->decoder->plan.table.blocks[block];
    memcpy(h->weights + b->begin, gradient, block_size(b) * sizeof(float));
}

/* Before a sequence's last chunk every product to a weight waits, of the block's and of the embedding alike. */
static void check_that_products_wait(const struct setting *s) {
    for (int i = 0; i < s->decoder->plan.table.product_count; i++)
        if (s->pass->products[i].backlog->kept == 0) fail_msg("product %d does not wait", i);
}

/* The gradients of all chunks, taken behind the last or behind each; dz is that of the last alone. */
static void take_gradients(struct setting *s, const float *z, float *dz, float *gradient, bool each) {
    struct held to = {s, gradient, NULL};
    const struct gradient_taker taker = {.user = &to, .take = add_block};
    for (int from = 0; from < LENGTH; from += CHUNK) {
        struct chunk c;
        if (s->pass->products && !each && from + CHUNK >= LENGTH) check_that_products_wait(s);
        read_chunk(s, &c, from);
        decoder_chunk_gradient(s->pass, z, NULL, c.nll, dz, &taker, each || from + CHUNK >= LENGTH);
    }
}

static void check_held(const struct ltm_model_config *config) {
    const struct ltm_model_config by_chunks = streaming(*config, CHUNK);
    struct setting s = set_up(&by_chunks);
    const size_t size = s.decoder->plan.table.size;
    float *weights = test_zeros(size);
    float *gradient = test_zeros(size);
    float *dz = test_zeros(s.latents);
    struct held held = {&s, weights, s.z};
    memcpy(weights, s.decoder->weights, size * sizeof(float));
    take_gradients(&s, s.z, dz, gradient, false);
    for (int i = 0; i < s.decoder->plan.table.count; i++) {
        const struct weight *w = &s.decoder->plan.table.weights[i];
        check_gradient(w->name, s.decoder->weights + w->offset, gradient + w->offset, weight_size(w),
                       step_of(w, gradient), nll_with_past_held, &held);
    }
    free(weights);
    free(gradient);
    free(dz);
    tear_down(&s);
}

static void gradient_to_every_weight_ends_at_the_chunks_edge(void **state) {
    (void)state;
    const struct ltm_model_config all = model_with_key(grouped, MODEL_KEYS - 1);
    const struct ltm_model_config top = upper(2);
    struct ltm_model_config keys = top;
    keys.latent_read = LTM_READ_KEYS;
    check_held(&grouped);
    check_held(&top);
    check_held(&keys);
    check_held(&all);
    struct ltm_model_config memory = model_with_key(grouped, 13);
    memory.memory_chunk = CHUNK / 2;
    check_held(&memory);
}

/* In bf16 products to weights wait for those of later chunks, unless gradients are asked for. */
static void check_put_off(struct ltm_model_config config) {
    struct setting s[2];
    float *gradient[2];
    float *dz[2];
    config = streaming(config, CHUNK);
    for (int each = 0; each < 2; each++) {
        s[each] = set_up(&config);
        decoder_pass_free(s[each].pass);
        assert_int_equal(decoder_use_bf16(s[each].decoder, NULL), LTM_OK);
        assert_int_equal(decoder_pack(s[each].decoder, 1, NULL), LTM_OK);
        assert_int_equal(decoder_pass_create(&s[each].pass, s[each].decoder, SEQUENCES, CHUNK, true, NULL), LTM_OK);
        gradient[each] = test_zeros(s[each].decoder->plan.table.size);
        dz[each] = test_zeros(s[each].latents);
        for (int again = 0; again < 2; again++) take_gradients(&s[each], s[each].z, dz[each], gradient[each], each);
    }
    for (size_t i = 0; i < s[0].decoder->plan.table.size; i++)
        assert_near(gradient[0][i], gradient[1][i], 1e-5 * (1 + fabs((double)gradient[1][i])));
    assert_memory_equal(dz[0], dz[1], sizeof(float) * s[0].latents);
    for (int each = 0; each < 2; each++) {
        free(gradient[each]);
        free(dz[each]);
        tear_down(&s[each]);
    }
}

static void gradients_are_whole_when_they_are_taken(void **state) {
    (void)state;
    if (bf16_missing()) skip();
    struct ltm_model_config config = grouped;
    check_put_off(config);
    config.latent_read = LTM_READ_KEYS;
    check_put_off(config);
    config.loops = 2;
    check_put_off(config);
}

/* Under s->z the last chunk alone is read; before it, under latents that stay. The pass goes on pointing at c's tokens. */
static double read_last(struct held *h, struct chunk *c) {
    for (int from = 0; from < LENGTH; from += CHUNK) {
        read_chunk(h->s, c, from);
        decoder_score(h->s->pass, from + CHUNK < LENGTH ? h->before : h->s->z, c->nll);
    }
    return chunk_nll(c);
}

static double last_nll(void *user) {
    struct chunk c;
    return read_last(user, &c);
}

/* z = m + a u: the pass gives the gradient of z, and moving u moves z by a. */
static void check_latents_of_chunk(int read) {
    struct ltm_model_config config = streaming(grouped, CHUNK);
    config.latent_read = read;
    struct setting s = set_up(&config);
    float *dz = test_zeros(s.latents);
    float *gradient = test_zeros(s.decoder->plan.table.size);
    float *scored = test_zeros(s.latents);
    float *before = test_normal(s.latents, 2, 1);
    struct held held = {&s, NULL, before};
    take_gradients(&s, s.z, dz, gradient, false);
    struct chunk c;
    read_last(&held, &c);
    decoder_latent_gradient(s.pass, s.z, NULL, c.nll, scored);
    for (size_t i = 0; i < s.latents; i++) assert_near(scored[i], dz[i], 1e-6 + 1e-5 * fabs((double)dz[i]));
    const size_t slot = (size_t)config.dim;
    for (size_t i = 0; i < s.latents; i++) {
        char name[60];
        snprintf(name, sizeof name, "layers.%d.cross_attention.gain.weight", (int)(i / slot / 2 % 3));
        dz[i] *= s.decoder->weights[weights_find(&s.decoder->plan.table, name)->offset + i / slot % 2];
    }
    check_gradient("z", s.z, dz, s.latents, 5e-3f, last_nll, &held);
    free(dz);
    free(gradient);
    free(scored);
    free(before);
    tear_down(&s);
}

static void gradient_to_latents_is_that_of_the_chunk(void **state) {
    (void)state;
    check_latents_of_chunk(LTM_READ_CROSS);
    check_latents_of_chunk(LTM_READ_KEYS);
}

static void a_later_token_changes_no_score(void **state) {
    (void)state;
    const struct ltm_model_config config = streaming(grouped, CHUNK);
    struct setting s = set_up(&config);
    float nll[2][SEQUENCES];
    for (int k = 0; k < 2; k++) {
        struct chunk c;
        for (int g = 0; g < SEQUENCES; g++) s.tokens[g * LENGTH + 7] ^= k;
        for (int from = 0; from < 2 * CHUNK; from += CHUNK) {
            read_chunk(&s, &c, from);
            decoder_score(s.pass, s.z, c.nll);
        }
        for (int g = 0; g < SEQUENCES; g++) nll[k][g] = c.nll[g * CHUNK + 2];
    }
    assert_memory_equal(nll[0], nll[1], sizeof nll[0]);
    tear_down(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunk_by_chunk_a_sequence_scores_as_at_once),
        cmocka_unit_test(one_chunk_is_a_plain_decoder_under_its_start),
        cmocka_unit_test(gradient_to_every_weight_ends_at_the_chunks_edge),
        cmocka_unit_test(gradients_are_whole_when_they_are_taken),
        cmocka_unit_test(gradient_to_latents_is_that_of_the_chunk),
        cmocka_unit_test(a_later_token_changes_no_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
