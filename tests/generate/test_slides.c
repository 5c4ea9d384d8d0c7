/* Texts that slide under streaming latents: each token moves z once, and what is taken back leaves no trace. Prompts that give z alone. */
#include <math.h>

#include "fewshot/fewshot_fixture.h"

#include "generate/session_inside.h"
#include "generate/session_mark.h"
#include "ltm/generate.h"

enum { SEQUENCE = 32, TEXT = 150 };

static void streaming(struct ltm_model_config *c) {
    c->latent_kind = LTM_LATENT_STREAMING;
    c->chunk = 6; /* model.sequence is no multiple of it */
    c->stream_rate = 0.7;
    c->stream_keep = 0.9;
    c->stream_trust = 0.5;
}

static void over_half(struct ltm_model_config *c) {
    streaming(c);
    c->chunk = 20;
}

static struct ltm_model *streams, *fits;

static int32_t token_at(int i) { return 10 + 37 * i % 250; }

/* z has always read whole chunks from the text's first token, and moves only when it has read one more. */
static void each_token_moves_z_once(const struct ltm_model *model) {
    const struct decoder *decoder = model->decoder;
    const int chunk = decoder->plan.config.chunk;
    struct history_reader reader = {.slot = 0};
    struct stream_weights *weights;
    struct history h;
    float before[256];
    int dropped = 0;
    int read = 0;
    assert_int_equal(stream_weights_create(&weights, decoder, false, 1, NULL), LTM_OK);
    assert_int_equal(decoder_stream_create(&reader.stream, weights, 1, 1, NULL), LTM_OK);
    assert_int_equal(history_create(&h, decoder, &reader, NULL), LTM_OK);
    const size_t bytes = h.state->streaming.latents * sizeof *before;
    assert_true(bytes <= sizeof before);
    history_start(&h);
    h.tokens[0] = 2;
    history_read(&h);
    for (int i = 0; i < TEXT; i++) {
        memcpy(before, h.state->streaming.u, bytes);
        dropped += history_append(&h, token_at(i));
        const bool moved = memcmp(before, h.state->streaming.u, bytes) != 0;
        if (moved) read += chunk;
        assert_int_equal(dropped + h.state->known, read);
        assert_int_equal(read, i / chunk * chunk);
    }
    assert_true(dropped > SEQUENCE);
    history_free(&h);
    decoder_stream_free(reader.stream);
    stream_weights_free(weights);
}

static void no_token_moves_z_twice(void **state) {
    (void)state;
    struct ltm_model *other = fixture_model_of(4, SEQUENCE, over_half);
    each_token_moves_z_once(streams);
    each_token_moves_z_once(other);
    ltm_model_close(other);
}

/* ---- Sessions ---- */

static struct ltm_session *open_session(int length) {
    struct ltm_generate_options o = ltm_generate_defaults();
    struct ltm_session *session;
    int slid;
    o.length = length;
    o.threads = 1;
    o.temperature = 1;
    o.top_p = 1;
    o.stop_at_end = false;
    assert_int_equal(ltm_session_open(&session, streams, &o, NULL), LTM_OK);
    for (int i = 0; i < 9; i++)
        assert_int_equal(ltm_session_say(session, i % 2 ? "the cat sat on the mat" : "red green", &slid, NULL), LTM_OK);
    assert_true(session->history.state->forgot);
    return session;
}

struct said {
    char text[2000];
    size_t ends[100]; /* by tokens */
    double log_p;
};

static bool keep(void *user, const struct ltm_sample *sample, size_t fresh) {
    struct said *said = user;
    (void)fresh;
    memcpy(said->text, sample->text, sample->bytes);
    said->text[sample->bytes] = 0;
    said->ends[sample->tokens] = sample->bytes;
    said->log_p = sample->log_p;
    return true;
}

static struct said turn(struct ltm_session *session, const char *text) {
    struct said said = {.text = ""};
    int slid;
    assert_int_equal(ltm_session_say(session, text, &slid, NULL), LTM_OK);
    assert_int_equal(ltm_session_write(session, keep, &said, &slid, NULL), LTM_OK);
    return said;
}

/* What follows is the same in both, and they end with one z, to the bit. */
static void follow_alike(struct ltm_session *a, struct ltm_session *b) {
    ltm_session_seed(a, 9), ltm_session_seed(b, 9);
    const struct said one = turn(a, "the dog sat by the door and the sun and the moon");
    const struct said other = turn(b, "the dog sat by the door and the sun and the moon");
    assert_string_equal(one.text, other.text);
    assert_true(fabs(one.log_p - other.log_p) < 2e-4 * fabs(one.log_p)); /* passes and steps, in fp32 */
    assert_int_equal(a->history.count, b->history.count);
    assert_memory_equal(a->history.state->streaming.u, b->history.state->streaming.u, a->loop.latents * sizeof(float));
    ltm_session_close(a);
    ltm_session_close(b);
}

static void a_turn_that_fails_leaves_no_trace(void **state) {
    (void)state;
    for (int again = 0; again < 2; again++) {
        struct ltm_session *a = open_session(20);
        struct ltm_session *b = open_session(20);
        if (again) {
            assert_int_equal(session_turn_begin(b, false, NULL), LTM_OK);
            turn(b, "one two three four");
            session_turn_end(b, false, true);
        }
        assert_int_equal(session_turn_begin(b, again, NULL), LTM_OK);
        if (!again) turn(b, "blue and the sea, four three two one");
        session_turn_end(b, again, again);
        follow_alike(a, b);
    }
}

/* As if no more than the text before it had been written, however much z had read of it. */
static void a_stop_leaves_no_trace(void **state) {
    (void)state;
    enum { KEPT = 3 };
    struct ltm_session *all = open_session(25);
    const struct said said = turn(all, "one two");
    ltm_session_close(all);
    int kept = KEPT;
    while (said.ends[kept] <= said.ends[kept - 1]) kept++; /* where a character ends */
    const char *const stop = said.text + said.ends[kept];
    struct ltm_generate_options o = ltm_generate_defaults();
    struct ltm_session *a = open_session(25);
    struct ltm_session *b = open_session(kept);
    o.length = 25;
    o.temperature = 1;
    o.top_p = 1;
    o.stop_at_end = false;
    o.stops = &stop;
    o.stop_count = 1;
    ltm_session_adjust(a, &o);
    assert_int_equal(strlen(turn(a, "one two").text), said.ends[kept]);
    turn(b, "one two");
    assert_int_equal(a->history.count, b->history.count);
    o.stop_count = 0;
    ltm_session_adjust(a, &o);
    ltm_session_adjust(b, &o);
    follow_alike(a, b);
}

/* ---- Prompts that give z alone ---- */

static bool take(void *user, const struct ltm_sample *sample) {
    *(struct ltm_sample *)user = *sample;
    return true;
}

static ltm_status alone(const struct ltm_model *model, int tokens, int length, bool crop, struct ltm_sample *sample) {
    struct ltm_generate_options o = ltm_generate_defaults();
    const struct ltm_generate_hooks hooks = {.user = sample, .on_sample = take};
    int32_t ids[TEXT];
    const struct ltm_prompt_tokens prompt = {ids, (size_t)tokens};
    for (int i = 0; i < TEXT; i++) ids[i] = token_at(i);
    o.prompt_tokens = &prompt;
    o.prompt_count = 1;
    o.length = length;
    o.crop = crop;
    o.z_only = true;
    o.stop_at_end = false;
    o.threads = 1;
    return ltm_generate(model, &o, &hooks, NULL);
}

static void nothing_stands_behind_a_prompt_that_gives_z_alone(void **state) {
    (void)state;
    struct ltm_sample sample;
    assert_int_equal(alone(streams, TEXT, 0, false, &sample), LTM_OK);
    assert_int_equal(sample.tokens, SEQUENCE);
    for (int i = 0; i < 2; i++) {
        const struct ltm_model *model = i ? fits : streams;
        assert_int_equal(alone(model, SEQUENCE, 0, false, &sample), LTM_OK);
        assert_int_equal(sample.tokens, SEQUENCE);
        assert_int_equal(alone(model, SEQUENCE + 8, 20, true, &sample), LTM_OK);
        assert_int_equal(sample.cropped, 8);
        assert_int_equal(alone(model, SEQUENCE, 3 * SEQUENCE, true, &sample), LTM_OK);
        assert_int_equal(sample.cropped, 0);
        assert_int_equal(sample.tokens, 3 * SEQUENCE);
    }
    assert_int_equal(alone(fits, SEQUENCE + 1, 20, false, &sample), LTM_INVALID);
}

int main(void) {
    streams = fixture_model_of(4, SEQUENCE, streaming);
    fits = fixture_model(4, SEQUENCE);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_token_moves_z_twice),
        cmocka_unit_test(a_turn_that_fails_leaves_no_trace),
        cmocka_unit_test(a_stop_leaves_no_trace),
        cmocka_unit_test(nothing_stands_behind_a_prompt_that_gives_z_alone),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ltm_model_close(streams);
    ltm_model_close(fits);
    return failed;
}
