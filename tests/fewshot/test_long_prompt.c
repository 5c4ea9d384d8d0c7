/* Prompts and answers over model.sequence where a state reads on (memories, streaming latents): scores are those of the text read token by
 * token and of what is written behind it, depend on all of the past and on nothing else, and on no thread. */
#include <math.h>

#include "fewshot/fewshot_fixture.h"

#include "base/json.h"
#include "fewshot/prompted.h"
#include "ltm/generate.h"
#include "ltm/scorer.h"
#include "ltm/session.h"

enum { SEQUENCE = 32, PROMPT = 150, ANSWER = 5, LONG_ANSWER = 80, KINDS = 6 };

static void neural(struct ltm_model_config *c) {
    c->memory = LTM_MEMORY_NEURAL;
    c->memory_chunk = 6;
    c->memory_rate = 1;
}

static void recurrent(struct ltm_model_config *c) {
    c->memory = LTM_MEMORY_RECURRENT;
    c->memory_chunk = 6;
    c->memory_slots = 3;
}

static void streaming(struct ltm_model_config *c) {
    c->latents = 4;
    c->latent_kind = LTM_LATENT_STREAMING;
    c->chunk = 6; /* model.sequence is no multiple of it */
    c->stream_rate = 0.7;
    c->stream_keep = 0.9;
    c->stream_trust = 0.5;
}

static void frozen(struct ltm_model_config *c) {
    streaming(c);
    c->stream_rate = 0;
}

static void keys(struct ltm_model_config *c) {
    streaming(c);
    c->latent_read = LTM_READ_KEYS;
}

static void looped(struct ltm_model_config *c) {
    neural(c);
    streaming(c);
    c->loops = 2;
    c->inject = LTM_INJECT_ADD;
}

static struct ltm_model *models[KINDS]; /* neural, recurrent, streaming, frozen, keys, looped */
enum { STREAMING = 2, FROZEN = 3 };

struct rig {
    struct prompted_options options;
    struct stream_weights *weights;
    struct prompted p;
    int32_t ids[PROMPT], answer[LONG_ANSWER];
};

static void open_rig(struct rig *r, int kind) {
    const struct ltm_model *model = models[kind];
    *r = (struct rig){.options = {.fast = model->config.fast, .draws = 1, .seed = 3, .begin = 2}};
    for (int i = 0; i < PROMPT; i++) r->ids[i] = 10 + 37 * i % 250;
    for (int i = 0; i < LONG_ANSWER; i++) r->answer[i] = 10 + 53 * i % 240;
    assert_int_equal(stream_weights_create(&r->weights, model->decoder, false, 1, NULL), LTM_OK);
    assert_int_equal(prompted_create(&r->p, r->weights, &r->options, NULL), LTM_OK);
}

static void close_rig(struct rig *r) {
    prompted_free(&r->p);
    stream_weights_free(r->weights);
}

/* log p of the answer's first tokens behind the prompt's last `tokens`; `moves`: z keeps moving. */
static double score(struct rig *r, int tokens, int answer, bool moves) {
    struct continuation c = {r->answer, (size_t)answer};
    double log_p;
    bool greedy;
    assert_int_equal(prompted_begin(&r->p, r->ids + PROMPT - tokens, (size_t)tokens, 1, 5, NULL), LTM_OK);
    if (moves)
        assert_int_equal(prompted_score_moving(&r->p, &c, &log_p, &greedy, NULL), LTM_OK);
    else
        assert_int_equal(prompted_score(&r->p, &c, 1, 0, &log_p, NULL, NULL), LTM_OK);
    assert_false(r->p.cut);
    return log_p;
}

/* The same, each token read by itself as an interactive session reads it; z stays behind the prompt unless it moves. */
static double step_through(const struct rig *r, int kind, int tokens, int answer, bool moves) {
    const struct decoder *decoder = models[kind]->decoder;
    const int vocab = decoder->plan.config.vocab;
    struct history_reader reader = {.slot = 0};
    struct history h;
    double sum = 0;
    assert_int_equal(decoder_stream_create(&reader.stream, r->weights, 1, 1, NULL), LTM_OK);
    assert_int_equal(history_create(&h, decoder, &reader, NULL), LTM_OK);
    history_start(&h);
    h.tokens[0] = r->options.begin;
    history_read(&h);
    for (int i = PROMPT - tokens; i < PROMPT; i++) history_append(&h, r->ids[i]);
    for (int t = 0; t < answer; t++) {
        if (moves || h.rolls || t == 0) history_slide(&h);
        const float *logits = decoder_stream_step(reader.stream, &reader.slot, &h.tokens[h.count], 1);
        double all = 0;
        for (int v = 0; v < vocab; v++) all += exp((double)logits[v] - (double)logits[r->answer[t]]);
        sum -= log(all);
        h.tokens[++h.count] = r->answer[t];
    }
    history_free(&h);
    decoder_stream_free(reader.stream);
    return sum;
}

static void assert_near(double a, double b) {
    if (!(fabs(a - b) < 2e-4 * fabs(b))) fail_msg("%.7f, but expected %.7f", a, b); /* passes and steps, in fp32 */
}

static void a_long_text_scores_as_one_read_token_by_token(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        const bool moves = kind >= STREAMING;
        struct rig r;
        open_rig(&r, kind);
        for (int tokens = PROMPT - 20; tokens <= PROMPT; tokens += 3)
            assert_near(score(&r, tokens, ANSWER, moves), step_through(&r, kind, tokens, ANSWER, moves));
        assert_near(score(&r, PROMPT, LONG_ANSWER, moves), step_through(&r, kind, PROMPT, LONG_ANSWER, moves));
        assert_near(score(&r, SEQUENCE - 3, LONG_ANSWER, moves),
                    step_through(&r, kind, SEQUENCE - 3, LONG_ANSWER, moves));
        assert_near(score(&r, 4, ANSWER, moves), step_through(&r, kind, 4, ANSWER, moves));
        close_rig(&r);
    }
}

/* Where it stays, by how many tokens are in the window behind the prompt. */
static void a_z_that_stays_has_read_all_of_the_prompt(void **state) {
    (void)state;
    struct rig r;
    int in_one = 0;
    open_rig(&r, STREAMING);
    for (int tokens = PROMPT - 20; tokens <= PROMPT; tokens++) {
        const double stays = score(&r, tokens, ANSWER, false);
        if (long_prompt_window(&r.p.long_prompt, r.p.inputs, ANSWER) == r.p.long_prompt.begin) {
            assert_near(stays, step_through(&r, STREAMING, tokens, ANSWER, false));
            in_one++;
        }
        for (int answer = 1; answer <= SEQUENCE; answer++) { /* any answer that fits, in any order */
            const double before = score(&r, tokens, answer, false);
            if (answer == ANSWER) assert_true(before == stays);
            assert_true(isfinite(before) && before < 0);
        }
    }
    assert_true(in_one > 5 && in_one < 20);
    close_rig(&r);
}

static void answers_of_all_lengths_score_beside_each_other_as_alone(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        enum { ANSWERS = 20 };
        struct rig r;
        struct continuation all[ANSWERS];
        double logs[ANSWERS];
        open_rig(&r, kind);
        const struct continuation longest = {r.answer, SEQUENCE}; /* one of them: it says how the prompt is read */
        for (int i = 0; i < ANSWERS; i++) all[i] = (struct continuation){r.answer, (size_t)(i * 7 % SEQUENCE + 1)};
        for (int tokens = SEQUENCE - 4; tokens <= PROMPT; tokens += PROMPT - SEQUENCE + 4) {
            assert_int_equal(prompted_begin(&r.p, r.ids + PROMPT - tokens, (size_t)tokens, 1, 5, NULL), LTM_OK);
            assert_int_equal(prompted_score(&r.p, all, ANSWERS, 0, logs, NULL, NULL), LTM_OK);
            for (int i = 0; i < ANSWERS; i++) {
                const struct continuation two[] = {all[i], longest};
                double alone[2];
                assert_int_equal(prompted_score(&r.p, two, 2, 0, alone, NULL, NULL), LTM_OK);
                assert_true(fabs(logs[i] - alone[0]) < 1e-5 * fabs(alone[0])); /* products of other row counts */
            }
        }
        close_rig(&r);
    }
}

/* Several windows before the answer; where z never moves, nothing of it is left. */
static void the_state_carries_what_the_window_has_lost(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        for (int moves = 0; moves <= (kind >= STREAMING); moves++) {
            struct rig r;
            open_rig(&r, kind);
            const double before = score(&r, PROMPT, ANSWER, moves);
            r.ids[3]++;
            assert_true((score(&r, PROMPT, ANSWER, moves) == before) == (kind == FROZEN));
            close_rig(&r);
        }
}

struct tokens {
    double log_p[LONG_ANSWER];
    int count;
};

static void keep_token(void *user, int32_t token, double log_p, const float *mixture) {
    struct tokens *t = user;
    (void)token;
    (void)mixture;
    t->log_p[t->count++] = log_p;
}

static void a_score_knows_nothing_of_what_follows(void **state) {
    (void)state;
    for (int kind = 0; kind < STREAMING + 1; kind++)
        for (int at = 1; at < LONG_ANSWER; at += 13) {
            struct tokens a = {.count = 0};
            struct tokens b = {.count = 0};
            struct rig r;
            double log_p;
            bool greedy;
            open_rig(&r, kind);
            struct continuation c = {r.answer, LONG_ANSWER};
            r.p.on_gold = keep_token;
            for (int i = 0; i < 2; i++) {
                r.p.on_gold_user = i ? &b : &a;
                assert_int_equal(prompted_begin(&r.p, r.ids, PROMPT, 1, 5, NULL), LTM_OK);
                if (kind == STREAMING)
                    assert_int_equal(prompted_score_moving(&r.p, &c, &log_p, &greedy, NULL), LTM_OK);
                else
                    assert_int_equal(prompted_score(&r.p, &c, 1, 0, &log_p, &greedy, NULL), LTM_OK);
                r.answer[at]++;
            }
            assert_int_equal(a.count, LONG_ANSWER);
            assert_memory_equal(a.log_p, b.log_p, (size_t)at * sizeof *a.log_p);
            assert_true(a.log_p[at] != b.log_p[at] && a.log_p[LONG_ANSWER - 1] != b.log_p[LONG_ANSWER - 1]);
            close_rig(&r);
        }
}

/* ---- What is written behind a long prompt ---- */

enum { SAMPLES = 5 };

struct written {
    int32_t ids[SAMPLES][ANSWER];
    int counts[SAMPLES];
    double log_p[SAMPLES];
};

static void on_token(void *user, const struct ltm_sample *sample, const struct ltm_token *token) {
    struct written *w = user;
    w->ids[sample->number][w->counts[sample->number]++] = token->id;
}

static bool on_sample(void *user, const struct ltm_sample *sample) {
    struct written *w = user;
    w->log_p[sample->number] = sample->log_p;
    return true;
}

static struct written write_behind(int kind, const int32_t *ids, int count, int threads, int batch) {
    struct ltm_generate_options o = ltm_generate_defaults();
    struct written w = {.counts = {0}};
    const struct ltm_generate_hooks hooks = {.user = &w, .on_token = on_token, .on_sample = on_sample};
    const struct ltm_prompt_tokens prompt = {ids, PROMPT};
    o.prompt_tokens = &prompt;
    o.prompt_count = 1;
    o.count = count;
    o.length = ANSWER;
    o.stop_at_end = false;
    o.threads = threads;
    o.batch = batch;
    struct ltm_error error = {0};
    if (ltm_generate(models[kind], &o, &hooks, &error) != LTM_OK) fail_msg("%s", error.message);
    return w;
}

/* Read once, and copied; read by each of several threads; read by the only sample itself. */
static void samples_of_one_long_prompt_are_the_same_however_it_is_read(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct rig r;
        open_rig(&r, kind);
        const struct written once = write_behind(kind, r.ids, SAMPLES, 1, 2);
        const struct written threads = write_behind(kind, r.ids, SAMPLES, 3, 1);
        const struct written alone = write_behind(kind, r.ids, 1, 1, 1);
        assert_memory_equal(&once, &threads, sizeof once);
        assert_memory_equal(once.ids[0], alone.ids[0], sizeof once.ids[0]);
        assert_true(once.log_p[0] == alone.log_p[0]);
        assert_true(once.log_p[0] != once.log_p[1]);
        close_rig(&r);
    }
}

static char *request(const int32_t *context, int count, const int32_t *continuation, bool moves) {
    json_t *lists[2] = {json_array(), json_array()};
    for (int i = 0; i < count; i++) json_array_append_new(lists[0], json_integer(context[i]));
    for (int i = 0; i < ANSWER; i++) json_array_append_new(lists[1], json_integer(continuation[i]));
    json_t *object = json_pack("{s:o, s:o, s:b}", "context", lists[0], "continuation", lists[1], "moves", moves);
    char *line = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return line;
}

/* Replies to scores of all samples, on so many threads; *log_p: of each. */
static void ask(int kind, const struct rig *r, const struct written *w, int threads, char *replies[SAMPLES],
                double *log_p) {
    struct ltm_scorer_options options = ltm_scorer_defaults();
    struct ltm_scorer *scorer;
    char *lines[SAMPLES];
    options.threads = threads;
    assert_int_equal(ltm_scorer_open(&scorer, models[kind], &options, NULL), LTM_OK);
    for (int i = 0; i < SAMPLES; i++) lines[i] = request(r->ids, PROMPT, w->ids[i], kind >= STREAMING);
    assert_int_equal(ltm_scorer_answer(scorer, (const char *const *)lines, replies, SAMPLES, NULL), LTM_OK);
    for (int i = 0; i < SAMPLES; i++) {
        json_t *reply = json_loads(replies[i], 0, NULL);
        log_p[i] = json_real_value(json_object_get(reply, "logprob"));
        assert_false(json_is_true(json_object_get(reply, "cut")));
        json_decref(reply);
        free(lines[i]);
    }
    ltm_scorer_close(scorer);
}

static void scores_are_those_of_what_generation_writes(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct rig r;
        char *one[SAMPLES];
        char *many[SAMPLES];
        double log_p[SAMPLES];
        open_rig(&r, kind);
        const struct written w = write_behind(kind, r.ids, SAMPLES, 1, LTM_AUTO);
        ask(kind, &r, &w, 3, many, log_p);
        ask(kind, &r, &w, 1, one, log_p);
        for (int i = 0; i < SAMPLES; i++) {
            assert_near(log_p[i], w.log_p[i]);
            assert_string_equal(one[i], many[i]);
            free(one[i]), free(many[i]);
        }
        close_rig(&r);
    }
}

static bool keep_log_p(void *user, const struct ltm_sample *sample, size_t fresh) {
    (void)fresh;
    *(double *)user = sample->log_p;
    return true;
}

/* In one piece or in several, of any length; the next tokens are a seed's, so that their log p compares. */
static void a_session_reads_a_long_text_as_generation_does(void **state) {
    (void)state;
    char text[2000] = "";
    for (int i = 0; i < 60; i++) strcat(text, i % 7 ? "the cat sat " : "red green ");
    const char *const prompt = text;
    const size_t pieces[] = {9, 135, strlen(text) + 1};
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < 3; i++) {
            const size_t piece = pieces[i];
            struct ltm_generate_options o = ltm_generate_defaults();
            struct written w = {.counts = {0}};
            const struct ltm_generate_hooks hooks = {.user = &w, .on_sample = on_sample};
            struct ltm_session *session;
            double log_p = NAN;
            int slid;
            o.length = ANSWER;
            o.threads = 1;
            o.temperature = 0;
            o.stop_at_end = false;
            assert_int_equal(ltm_session_open(&session, models[kind], &o, NULL), LTM_OK);
            for (size_t at = 0; at < strlen(text); at += piece) {
                char part[2000];
                snprintf(part, sizeof part, "%.*s", (int)piece, text + at);
                assert_int_equal(ltm_session_say(session, part, &slid, NULL), LTM_OK);
            }
            assert_int_equal(ltm_session_write(session, keep_log_p, &log_p, &slid, NULL), LTM_OK);
            ltm_session_close(session);
            o.prompts = &prompt;
            o.prompt_count = 1;
            assert_int_equal(ltm_generate(models[kind], &o, &hooks, NULL), LTM_OK);
            if (piece > strlen(text)) assert_near(log_p, w.log_p[0]); /* pieces make other tokens */
            assert_true(isfinite(log_p));
        }
}

static void no_item_is_too_long_for_a_memory(void **state) {
    (void)state;
    char items[1000] = "{\"good\": \"a\", \"bad\": \"b";
    struct ltm_fewshot_options options = ltm_fewshot_defaults();
    struct ltm_fewshot_result result;
    for (int i = 0; i < 40; i++) strcat(items, " the cat");
    strcat(items, "\"}");
    fixture_put("one.ini", "[task]\nname=x\nkind=pairs\nitems=one.jsonl\n");
    fixture_put("one.jsonl", items);
    options.threads = 1;
    assert_int_equal(ltm_fewshot(models[STREAMING], test_path("one.ini"), &options, NULL, &result, NULL), LTM_INVALID);
    assert_int_equal(ltm_fewshot(models[0], test_path("one.ini"), &options, NULL, &result, NULL), LTM_OK);
    assert_int_equal(result.cut, 0);
    assert_int_equal(result.metrics[0].items, 1);
    ltm_fewshot_result_free(&result);
}

static void what_stops_the_reading(void **state) {
    (void)state;
    const volatile sig_atomic_t stop = 1;
    for (int kind = 0; kind < KINDS; kind++) {
        struct rig r;
        double log_p;
        bool greedy;
        open_rig(&r, kind);
        struct continuation c = {r.answer, ANSWER};
        assert_int_equal(prompted_begin(&r.p, r.ids, PROMPT, 1, 5, NULL), LTM_OK);
        r.options.stop = &stop;
        assert_int_equal(prompted_score(&r.p, &c, 1, 0, &log_p, &greedy, NULL), LTM_INTERRUPTED);
        assert_int_equal(prompted_score_moving(&r.p, &c, &log_p, &greedy, NULL), LTM_INTERRUPTED);
        r.options.stop = NULL;
        assert_int_equal(prompted_score(&r.p, &c, 1, 0, &log_p, &greedy, NULL), LTM_OK); /* from its begin */
        assert_true(log_p == score(&r, PROMPT, ANSWER, false) || kind < STREAMING);
        close_rig(&r);
    }
}

/* A choice that another begins with has the log p of its tokens in that other. */
static void choices_of_one_prompt_see_one_reading(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        for (int tokens = SEQUENCE - 4; tokens <= PROMPT; tokens += PROMPT - SEQUENCE + 4) {
            struct rig r;
            struct tokens gold = {.count = 0};
            double logs[2];
            bool greedy;
            open_rig(&r, kind);
            const struct continuation choices[] = {{r.answer, 1}, {r.answer, SEQUENCE}};
            r.p.on_gold = keep_token;
            r.p.on_gold_user = &gold;
            assert_int_equal(prompted_begin(&r.p, r.ids + PROMPT - tokens, (size_t)tokens, 1, 5, NULL), LTM_OK);
            assert_int_equal(prompted_score(&r.p, choices, 2, 1, logs, &greedy, NULL), LTM_OK);
            assert_true(fabs(logs[0] - gold.log_p[0]) < 1e-5 * fabs(logs[0]));
            close_rig(&r);
        }
}

static ltm_status stop_at_third(void *user, int sample, int32_t token, bool *more, struct ltm_error *error) {
    struct rig *r = user;
    static const volatile sig_atomic_t stop = 1;
    (void)sample, (void)token, (void)error;
    r->answer[0]++;
    if (r->answer[0] == 3) r->options.stop = &stop;
    *more = r->answer[0] < 100;
    return LTM_OK;
}

static void what_stops_the_writing(void **state) {
    (void)state;
    struct sampler sampler;
    struct rig r;
    open_rig(&r, 0);
    r.answer[0] = 0;
    assert_int_equal(sampler_create(&sampler, models[0]->config.model.vocab, 0, 0, 1, NULL), LTM_OK);
    assert_int_equal(prompted_begin(&r.p, r.ids, 4, 1, 5, NULL), LTM_OK);
    assert_int_equal(prompted_write(&r.p, &sampler, 1, 1000000000, stop_at_third, &r, NULL), LTM_INTERRUPTED);
    assert_int_equal(r.answer[0], 3);
    sampler_free(&sampler);
    close_rig(&r);
}

int main(void) {
    void (*const kinds[KINDS])(struct ltm_model_config *) = {neural, recurrent, streaming, frozen, keys, looped};
    for (int i = 0; i < KINDS; i++) models[i] = fixture_model_of(0, SEQUENCE, kinds[i]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_text_scores_as_one_read_token_by_token),
        cmocka_unit_test(a_z_that_stays_has_read_all_of_the_prompt),
        cmocka_unit_test(answers_of_all_lengths_score_beside_each_other_as_alone),
        cmocka_unit_test(the_state_carries_what_the_window_has_lost),
        cmocka_unit_test(a_score_knows_nothing_of_what_follows),
        cmocka_unit_test(samples_of_one_long_prompt_are_the_same_however_it_is_read),
        cmocka_unit_test(scores_are_those_of_what_generation_writes),
        cmocka_unit_test(a_session_reads_a_long_text_as_generation_does),
        cmocka_unit_test(no_item_is_too_long_for_a_memory),
        cmocka_unit_test(what_stops_the_reading),
        cmocka_unit_test(choices_of_one_prompt_see_one_reading),
        cmocka_unit_test(what_stops_the_writing),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i < KINDS; i++) ltm_model_close(models[i]);
    return failed;
}
