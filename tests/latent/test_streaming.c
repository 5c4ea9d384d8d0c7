/* The state of streaming latents: against a program in double, against what it must not know, and what drawing it bounds. */
#include "support/decoder_rig.h"
#include "support/model_keys.h"

#include "config/chunks.h"
#include "latent/score_streaming.h"
#include "latent/streaming_text.h"

enum { CHUNK = 4, CHUNKS = 3 };

static struct ltm_model_config streaming_of(struct ltm_model_config c) {
    c.latent_kind = LTM_LATENT_STREAMING;
    c.chunk = CHUNK;
    c.stream_rate = 0.7;
    c.stream_keep = 0.9;
    c.stream_trust = 0.5;
    return c;
}

struct rig {
    struct setting s;
    struct streaming streaming;
    float *trail;
    size_t trail_size;
};

static struct rig open_rig(struct ltm_model_config config) {
    struct rig r = {.s = set_up(&config)};
    assert_int_equal(streaming_create(&r.streaming, r.s.decoder, SEQUENCES, NULL), LTM_OK);
    r.trail = r.streaming.trail;
    r.trail_size = (size_t)CHUNKS * r.s.latents;
    return r;
}

static void close_rig(struct rig *r) {
    streaming_free(&r->streaming);
    tear_down(&r->s);
}

static void read_with(struct rig *r, struct streaming_reading how, float *nll) {
    how.tokens = r->s.tokens;
    how.targets = r->s.targets;
    how.nll = nll;
    streaming_read(&r->streaming, r->s.pass, &how, SEQUENCES, LENGTH);
}

static void check_near(const char *what, double x, double y) {
    if (!(fabs(x - y) <= 2e-5 * (1 + fabs(y)))) fail_msg("%s: %.9g, in double %.9g", what, x, y);
}

/* Chunk by chunk with the state in double: only dz is the decoder's, which finite differences hold (tests/model/test_chunks.c). */
static void check_state(bool drawn) {
    struct rig r = open_rig(streaming_of(grouped));
    struct setting *s = &r.s;
    const struct ltm_model_config *c = &s->decoder->plan.config;
    const struct noise_source noise = {{.seed = 9, .purpose = RANDOM_SCORE_NOISE}, numbers};
    const size_t each = s->latents / SEQUENCES;
    double *u = calloc(s->latents, sizeof *u);
    double *lambda = malloc(s->latents * sizeof *lambda);
    float *z = test_zeros(s->latents);
    float *dz = test_zeros(s->latents);
    float *epsilon = test_zeros(s->latents);
    float nll[TOKENS];
    int clipped = 0;
    read_with(&r, (struct streaming_reading){.trail = true, .noise = drawn ? &noise : NULL, .sample = 2}, nll);
    for (size_t i = 0; i < s->latents; i++) lambda[i] = 1;
    for (int k = 0; k < CHUNKS; k++) {
        const int length = k < CHUNKS - 1 ? CHUNK : LENGTH - k * CHUNK;
        int32_t tokens[TOKENS];
        int32_t targets[TOKENS];
        float part[TOKENS];
        for (int i = 0; i < SEQUENCES * length; i++) {
            tokens[i] = s->tokens[i / length * LENGTH + k * CHUNK + i % length];
            targets[i] = s->targets[i / length * LENGTH + k * CHUNK + i % length];
        }
        for (int g = 0; drawn && g < SEQUENCES; g++) {
            struct random_key key = noise.key;
            key.sequence = numbers[g];
            key.fast = (uint32_t)(2 * CHUNKS + k);
            random_normal(epsilon + (size_t)g * each, each, key);
        }
        for (size_t i = 0; i < s->latents; i++) {
            check_near("state", r.trail[(size_t)k * s->latents + i], u[i]);
            z[i] = (float)(u[i] + epsilon[i] / sqrt(lambda[i]));
        }
        if (k)
            decoder_continue(s->pass, tokens, targets, length);
        else
            decoder_begin(s->pass, tokens, targets, SEQUENCES, length);
        decoder_latent_gradient(s->pass, z, NULL, part, dz);
        for (int i = 0; i < SEQUENCES * length; i++)
            check_near("nll", nll[i / length * LENGTH + k * CHUNK + i % length], part[i]);
        for (size_t i = 0; i < s->latents; i++) {
            const double h = drawn ? fmax(0, epsilon[i] * dz[i] * sqrt(lambda[i])) : (double)dz[i] * dz[i];
            lambda[i] = 1 + c->stream_keep * (lambda[i] - 1) + h;
            const double most = c->stream_trust / sqrt(lambda[i]);
            clipped += fabs(dz[i] / lambda[i]) > most;
            u[i] -= c->stream_rate * fmax(-most, fmin(most, dz[i] / lambda[i]));
        }
    }
    assert_true(clipped > 0);
    free(u);
    free(lambda);
    free(z);
    free(dz);
    free(epsilon);
    close_rig(&r);
}

static void the_state_is_that_of_a_program_in_double(void **state) {
    (void)state;
    check_state(false);
    check_state(true);
}

static void nothing(void *user, int block, const float *gradient) { (void)user, (void)block, (void)gradient; }

/* Training's dz is of a loss in which a token counts another number; so is its state, to rounding. */
static void training_reads_as_scoring_does(void **state) {
    (void)state;
    struct rig r = open_rig(streaming_of(grouped));
    const struct gradient_taker taker = {.take = nothing};
    float nll[2][TOKENS];
    float weights[TOKENS];
    float *trail = test_zeros(r.trail_size);
    for (int i = 0; i < TOKENS; i++) weights[i] = 1.0F / 4096;
    read_with(&r, (struct streaming_reading){.trail = true}, nll[0]);
    memcpy(trail, r.trail, r.trail_size * sizeof *trail);
    read_with(&r, (struct streaming_reading){.trail = true, .weights = weights, .taker = &taker, .unit = 1.0 / 4096},
              nll[1]);
    for (int i = 0; i < TOKENS; i++) check_near("nll", nll[1][i], nll[0][i]);
    for (size_t i = 0; i < r.trail_size; i++) check_near("state", r.trail[i], trail[i]);
    free(trail);
    close_rig(&r);
}

/* Of a narrow window, so that z alone reaches from chunk 0 to chunk 2. */
static void z_carries_the_past_and_knows_nothing_of_the_future(void **state) {
    (void)state;
    struct ltm_model_config narrow = grouped;
    narrow.window = 2;
    struct rig r = open_rig(streaming_of(narrow));
    float nll[2][TOKENS];
    float frozen[2][TOKENS];
    for (int k = 0; k < 2; k++) {
        r.s.tokens[2] ^= k;
        read_with(&r, (struct streaming_reading){0}, nll[k]);
        read_with(&r, (struct streaming_reading){.z = STREAMING_FROZEN}, frozen[k]);
    }
    assert_memory_equal(nll[0], nll[1], 2 * sizeof(float));                        /* before it */
    assert_memory_equal(nll[0] + LENGTH, nll[1] + LENGTH, LENGTH * sizeof(float)); /* another sequence */
    assert_memory_equal(frozen[0] + 2 * CHUNK, frozen[1] + 2 * CHUNK, (LENGTH - 2 * CHUNK) * sizeof(float));
    for (int t = 2 * CHUNK; t < LENGTH; t++) assert_true(fabsf(nll[0][t] - nll[1][t]) > 1e-4F);
    close_rig(&r);
}

static void with_rate_0_z_is_frozen_to_the_bit(void **state) {
    (void)state;
    struct ltm_model_config still = streaming_of(grouped);
    still.stream_rate = 0;
    struct rig r = open_rig(still);
    struct rig moving = open_rig(streaming_of(grouped));
    const struct gradient_taker taker = {.take = nothing};
    float nll[4][TOKENS];
    read_with(&r, (struct streaming_reading){0}, nll[0]);
    read_with(&r, (struct streaming_reading){.taker = &taker, .unit = 1}, nll[1]);
    read_with(&moving, (struct streaming_reading){.z = STREAMING_FROZEN}, nll[2]);
    read_with(&moving, (struct streaming_reading){0}, nll[3]);
    assert_memory_equal(nll[0], nll[1], sizeof nll[0]);
    assert_memory_equal(nll[0], nll[2], sizeof nll[0]);
    assert_memory_equal(nll[0], nll[3], CHUNK * sizeof(float)); /* the first chunk is read at the start */
    assert_true(fabsf(nll[0][CHUNK] - nll[3][CHUNK]) > 1e-4F);
    close_rig(&r);
    close_rig(&moving);
}

/* Two sequences that are alike have each other's state; two that are not have not. */
static void z_of_another_sequence_is_the_next_ones(void **state) {
    (void)state;
    struct rig r = open_rig(streaming_of(grouped));
    float nll[3][TOKENS];
    read_with(&r, (struct streaming_reading){.trail = true}, nll[0]);
    read_with(&r, (struct streaming_reading){.z = STREAMING_OTHERS}, nll[1]);
    assert_memory_equal(nll[0], nll[1], CHUNK * sizeof(float));
    assert_true(fabsf(nll[0][CHUNK] - nll[1][CHUNK]) > 1e-4F);
    memcpy(r.s.tokens + LENGTH, r.s.tokens, LENGTH * sizeof(int32_t));
    memcpy(r.s.targets + LENGTH, r.s.targets, LENGTH * sizeof(int32_t));
    read_with(&r, (struct streaming_reading){.trail = true}, nll[0]);
    read_with(&r, (struct streaming_reading){.z = STREAMING_OTHERS}, nll[1]);
    read_with(&r, (struct streaming_reading){.z = STREAMING_ZERO}, nll[2]);
    assert_memory_equal(nll[0], nll[1], sizeof nll[0]);
    assert_true(fabsf(nll[0][0] - nll[2][0]) > 1e-4F);
    close_rig(&r);
}

/* -log p of what tokens[at] … tokens[to] are followed by, one by one. */
static void step_through(struct streaming_text *text, struct decoder_stream *stream, const int32_t *tokens, int at,
                         int to, float *nll) {
    const int slot = 0;
    for (int t = at; t < to; t++) {
        streaming_text_follow(text, tokens, t, stream, slot);
        const float *logits = decoder_stream_step(stream, &slot, tokens + t, 1);
        double sum = 0;
        for (int v = 0; v < grouped.vocab; v++) sum += exp((double)logits[v]);
        nll[t] = (float)(log(sum) - (double)logits[tokens[t + 1]]);
    }
}

/* A text of which some has been given and the rest is written, in one sequence and with documents apart. */
static void check_text(struct ltm_model_config config, int given) {
    struct rig r = open_rig(streaming_of(config));
    struct stream_weights *weights;
    struct decoder_stream *stream;
    struct streaming_text text = {0};
    float nll[TOKENS];
    float written[LENGTH];
    memcpy(r.s.targets, r.s.tokens + 1, (LENGTH - 1) * sizeof(int32_t));
    read_with(&r, (struct streaming_reading){0}, nll);
    assert_int_equal(stream_weights_create(&weights, r.s.decoder, false, 1, NULL), LTM_OK);
    assert_int_equal(decoder_stream_create(&stream, weights, 1, 1, NULL), LTM_OK);
    assert_int_equal(streaming_text_create(&text, r.s.decoder, NULL), LTM_OK);
    for (int again = 0; again < 2; again++) { /* as another text too */
        streaming_text_start(&text);
        streaming_text_read(&text, r.s.tokens, given, stream, 0);
        step_through(&text, stream, r.s.tokens, given, LENGTH - 1, written);
        for (int t = given; t < LENGTH - 1; t++) check_near("nll", written[t], nll[t]);
    }
    streaming_text_free(&text);
    decoder_stream_free(stream);
    stream_weights_free(weights);
    close_rig(&r);
}

static void a_text_that_is_written_scores_as_one_that_is_read(void **state) {
    (void)state;
    check_text(grouped, 0);
    check_text(grouped, CHUNK - 1);
    check_text(grouped, 2 * CHUNK);
    check_text(model_with_key(grouped, MODEL_KEYS - 1), CHUNK + 1); /* documents apart, loops and all */
}

/* Reading again what it has read does not move z; what is new does. */
static void z_outlives_a_text_whose_beginning_is_forgotten(void **state) {
    (void)state;
    struct rig r = open_rig(streaming_of(grouped));
    struct stream_weights *weights;
    struct decoder_stream *stream;
    struct streaming_text text = {0};
    const size_t bytes = r.s.latents / SEQUENCES * sizeof(float);
    float *z = test_zeros(r.s.latents);
    assert_int_equal(stream_weights_create(&weights, r.s.decoder, false, 1, NULL), LTM_OK);
    assert_int_equal(decoder_stream_create(&stream, weights, 1, 1, NULL), LTM_OK);
    assert_int_equal(streaming_text_create(&text, r.s.decoder, NULL), LTM_OK);
    streaming_text_read(&text, r.s.tokens, 2 * CHUNK, stream, 0);
    memcpy(z, text.streaming.u, bytes);
    streaming_text_forget(&text, CHUNK);
    streaming_text_read(&text, r.s.tokens + CHUNK, CHUNK + 1, stream, 0);
    assert_memory_equal(z, text.streaming.u, bytes);
    streaming_text_read(&text, r.s.tokens + CHUNK, CHUNK - 1, stream, 0); /* a token is taken back */
    assert_memory_equal(z, text.streaming.u, bytes);
    streaming_text_read(&text, r.s.tokens + CHUNK, CHUNK, stream, 0); /* and another stands there */
    assert_memory_not_equal(z, text.streaming.u, bytes);
    memcpy(z, text.streaming.u, bytes);
    streaming_text_forget(&text, 0);
    streaming_text_read(&text, r.s.tokens + CHUNK, 2 * CHUNK, stream, 0);
    assert_memory_not_equal(z, text.streaming.u, bytes);
    free(z);
    streaming_text_free(&text);
    decoder_stream_free(stream);
    stream_weights_free(weights);
    close_rig(&r);
}

static void z_of_one_chunk_never_moves(void **state) {
    (void)state;
    struct ltm_model_config config = streaming_of(grouped);
    config.chunk = 0;
    struct rig r = open_rig(config);
    struct stream_weights *weights;
    struct decoder_stream *stream;
    struct streaming_text text = {0};
    assert_int_equal(stream_weights_create(&weights, r.s.decoder, false, 1, NULL), LTM_OK);
    assert_int_equal(decoder_stream_create(&stream, weights, 1, 1, NULL), LTM_OK);
    assert_int_equal(streaming_text_create(&text, r.s.decoder, NULL), LTM_OK);
    streaming_text_read(&text, r.s.tokens, grouped.sequence, stream, 0);
    for (size_t i = 0; i < r.s.latents / SEQUENCES; i++) assert_true(text.streaming.u[i] == 0);
    streaming_text_free(&text);
    decoder_stream_free(stream);
    stream_weights_free(weights);
    close_rig(&r);
}

/* One latent of two numbers, two chunks: ε of both on a grid, by the trapezium rule on [-5, 5]⁴. */
enum { GRID = 13, POINTS = GRID * GRID, BOTH = 2 * CHUNK, DRAWS = 20 };

struct quadrature {
    struct decoder *decoder;
    struct decoder_pass *pass;
    struct streaming streaming;
    int32_t tokens[POINTS * BOTH], targets[POINTS * BOTH];
    uint32_t numbers[POINTS];
    float noise[2 * POINTS], nll[POINTS * BOTH];
    double weight[POINTS];
};

static void open_quadrature(struct quadrature *q) {
    const struct ltm_model_config config = streaming_of((struct ltm_model_config){.dim = 2,
                                                                                  .layers = 1,
                                                                                  .heads = 1,
                                                                                  .kv_heads = 1,
                                                                                  .ffn_multiple = 2,
                                                                                  .sequence = BOTH,
                                                                                  .window = 3,
                                                                                  .vocab = 7,
                                                                                  .latents = 1});
    const double step = 10.0 / (GRID - 1);
    assert_int_equal(decoder_create(&q->decoder, &config, NULL), LTM_OK);
    assert_int_equal(decoder_pass_create(&q->pass, q->decoder, POINTS, CHUNK, false, NULL), LTM_OK);
    assert_int_equal(streaming_create(&q->streaming, q->decoder, POINTS, NULL), LTM_OK);
    random_normal(q->decoder->weights, q->decoder->plan.table.size, (struct random_key){.seed = 4, .purpose = 99});
    for (int i = 0; i < POINTS; i++) {
        const int row = i / GRID;
        q->noise[2 * i] = (float)(row * step - 5);
        q->noise[2 * i + 1] = (float)(i % GRID * step - 5);
        q->weight[i] = step * step / (2 * acos(-1.0)) * exp(-0.5 * vector_sum_squares(q->noise + 2 * i, 2));
        q->numbers[i] = (uint32_t)i;
        for (int t = 0; t < BOTH; t++) {
            q->tokens[i * BOTH + t] = t * t % 7;
            q->targets[i * BOTH + t] = (t * t + 2 * t + 1) % 7;
        }
    }
}

/* The first or the second chunk of all points. */
static void take_chunk(struct quadrature *q, int chunk) {
    struct streaming *s = &q->streaming;
    for (int i = 0; i < POINTS * CHUNK; i++) {
        s->tokens[i] = q->tokens[i / CHUNK * BOTH + chunk * CHUNK + i % CHUNK];
        s->targets[i] = q->targets[i / CHUNK * BOTH + chunk * CHUNK + i % CHUNK];
    }
    if (chunk)
        decoder_continue(q->pass, s->tokens, s->targets, CHUNK);
    else
        decoder_begin(q->pass, s->tokens, s->targets, POINTS, CHUNK);
}

static void add_points(const struct quadrature *q, double weight, double *expected, double *p) {
    for (int i = 0; i < POINTS; i++) {
        double nll = 0;
        for (int t = 0; t < CHUNK; t++) nll += (double)q->streaming.nll[i * CHUNK + t];
        *expected += weight * q->weight[i] * nll;
        *p += weight * q->weight[i] * exp(-nll);
    }
}

/* E[Σ l_c], and of the code in which each chunk's forecast mixes over what z may be: Σ -log E[p(x_c | …)]. */
static void integrate(struct quadrature *q, double *expected, double *code) {
    struct streaming *s = &q->streaming;
    double p[2] = {0, 0};
    float *z = test_zeros((size_t)2 * POINTS);
    *expected = 0;
    streaming_start(s, POINTS);
    take_chunk(q, 0);
    decoder_latent_gradient(q->pass, q->noise, NULL, s->nll, s->dz);
    add_points(q, 1, expected, &p[0]);
    streaming_step(s, q->noise, POINTS);
    take_chunk(q, 1);
    for (int k = 0; k < POINTS; k++) {
        for (int i = 0; i < 2 * POINTS; i++) z[i] = s->u[i] + q->noise[2 * k + i % 2] / sqrtf(s->lambda[i]);
        decoder_score(q->pass, z, s->nll);
        add_points(q, q->weight[k], expected, &p[1]);
    }
    *code = -log(p[0]) - log(p[1]);
    free(z);
}

static void drawn_scores_are_on_average_the_bound_that_quadrature_gives(void **state) {
    (void)state;
    static struct quadrature q;
    double expected;
    double code;
    double sum = 0;
    double squares = 0;
    const struct noise_source noise = {{.seed = 3, .purpose = RANDOM_SCORE_NOISE}, q.numbers};
    open_quadrature(&q);
    integrate(&q, &expected, &code);
    for (int k = 0; k < DRAWS; k++) {
        streaming_read(&q.streaming, q.pass,
                       &(struct streaming_reading){
                           .tokens = q.tokens, .targets = q.targets, .nll = q.nll, .noise = &noise, .sample = k},
                       POINTS, BOTH);
        for (int i = 0; i < POINTS; i++) {
            double nll = 0;
            for (int t = 0; t < BOTH; t++) nll += (double)q.nll[i * BOTH + t];
            sum += nll;
            squares += nll * nll;
        }
    }
    const double n = POINTS * DRAWS;
    const double error = sqrt((squares / n - sum / n * (sum / n)) / n);
    if (!(fabs(sum / n - expected) < 4 * error))
        fail_msg("drawn %.4f ± %.4f, by quadrature %.4f", sum / n, error, expected);
    assert_true(expected > code + 0.1); /* there is something to bound */
    decoder_pass_free(q.pass);
    streaming_free(&q.streaming);
    decoder_free(q.decoder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_that_of_a_program_in_double),
        cmocka_unit_test(training_reads_as_scoring_does),
        cmocka_unit_test(z_carries_the_past_and_knows_nothing_of_the_future),
        cmocka_unit_test(with_rate_0_z_is_frozen_to_the_bit),
        cmocka_unit_test(z_of_another_sequence_is_the_next_ones),
        cmocka_unit_test(a_text_that_is_written_scores_as_one_that_is_read),
        cmocka_unit_test(z_outlives_a_text_whose_beginning_is_forgotten),
        cmocka_unit_test(z_of_one_chunk_never_moves),
        cmocka_unit_test(drawn_scores_are_on_average_the_bound_that_quadrature_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
