/* What is fitted, and what is scored: the posterior knows nothing of the answer, scores are those of the decoder over the whole
 * text, greedy answers are those that would be written. */
#include <math.h>

#include "fewshot/fewshot_fixture.h"

#include "fewshot/fewshot_item.h"
#include "fewshot/fewshot_score.h"
#include "fewshot/fewshot_settings.h"
#include "tasks/prompt.h"

static struct ltm_model *model;
static struct stream_weights *weights;

/* Item 0 of a task, taken alone; the worker keeps its posterior. */
struct taken {
    struct task *task;
    struct fewshot_run run;
    struct fewshot_worker worker;
    struct item_outcome outcome;
    struct item_record record;
};

static void take(struct taken *t, const char *ini, const char *items, int shots) {
    struct ltm_fewshot_options options = ltm_fewshot_defaults();
    struct ltm_error error = {0};
    options.shots = shots;
    fixture_put("one.ini", ini);
    fixture_put("one.jsonl", items);
    if (task_load(&t->task, test_path("one.ini"), &error) != LTM_OK) fail_msg("%s", error.message);
    if (fewshot_settle(&t->run, model, t->task, &options, &error) != LTM_OK) fail_msg("%s", error.message);
    assert_int_equal(prompted_create(&t->worker.prompted, weights, &t->run.prompted, NULL), LTM_OK);
    assert_int_equal(sampler_create(&t->worker.sampler, model->config.model.vocab, 0, 0, 1, NULL), LTM_OK);
    if (fewshot_item(&t->outcome, &t->record, &t->run, &t->worker, 0, &error) != LTM_OK) fail_msg("%s", error.message);
}

static void drop(struct taken *t) {
    prompted_free(&t->worker.prompted);
    sampler_free(&t->worker.sampler);
    outcome_free(&t->outcome);
    record_free(&t->record);
    task_free(t->task);
}

static void same_posterior(const char *ini, const char *one, const char *other, bool cut) {
    struct taken a;
    struct taken b;
    take(&a, ini, one, 0);
    take(&b, ini, other, 0);
    const struct fast_loop *p = &a.worker.prompted.loop;
    const struct fast_loop *q = &b.worker.prompted.loop;
    assert_int_equal(a.outcome.cut, cut);
    assert_int_equal(b.outcome.cut, cut);
    assert_memory_equal(p->mu, q->mu, p->latents * sizeof(float));
    assert_memory_equal(p->logvar, q->logvar, p->latents * sizeof(float));
    double size = 0;
    for (size_t i = 0; i < p->latents; i++) size += fabs((double)p->mu[i]);
    assert_true(size > 0.01); /* something was fitted */
    drop(&a);
    drop(&b);
}

#define LONG                                                                                                      \
    "the cat sat on the mat and the dog sat by the door and the sun and the moon and the sea and the cat sat on " \
    "the mat and the dog sat by the door and the sun and the moon and the sea and"

static void the_posterior_does_not_know_the_answer(void **state) {
    (void)state;
    static const char choices[] = "[task]\nname=x\nkind=choices\nitems=one.jsonl\n";
    static const char words[] = "[task]\nname=x\nformat=lambada\nitems=one.jsonl\n";
    static const char asked[] = "[task]\nname=x\nformat=gsm8k\nitems=one.jsonl\nlength=8\n";
    same_posterior(
        choices, "{\"context\": \"the cat sat on\", \"choices\": [\"red\", \"the mat\"], \"gold\": 0}",
        "{\"context\": \"the cat sat on\", \"choices\": [\"the mat\", \"the sun and the moon and more\", \"a\"], "
        "\"gold\": 2}",
        false);
    same_posterior(words, "{\"text\": \"the cat sat on red\"}", "{\"text\": \"the cat sat on xylophones\"}", false);
    same_posterior(asked, "{\"question\": \"what is it?\", \"answer\": \"the cat\"}",
                   "{\"question\": \"what is it?\", \"answer\": \"#### 77777\"}", false);
    /* Nor where the prompt is too long, and the answer longer than what is kept free for it. */
    same_posterior(words, "{\"text\": \"" LONG " red\"}", "{\"text\": \"" LONG " xylophonesxylophonesxyloph\"}", true);
    same_posterior(choices, "{\"context\": \"" LONG "\", \"choices\": [\"red\", \"a\"], \"gold\": 0}",
                   "{\"context\": \"" LONG "\", \"choices\": [\"red\", \"xylophonesxyloph\"], \"gold\": 1}", true);
}

/* -log p of the last `count` targets of a whole sequence under one z, by the decoder's own pass. */
static double whole(const int32_t *tokens, int inputs, size_t count, const float *z) {
    struct decoder_pass *pass;
    float nll[256];
    double sum = 0;
    assert_int_equal(decoder_pass_create(&pass, model->decoder, 1, inputs, false, NULL), LTM_OK);
    decoder_begin(pass, tokens, tokens + 1, 1, inputs);
    decoder_score(pass, z, nll);
    for (size_t t = (size_t)inputs - count; t < (size_t)inputs; t++) sum -= (double)nll[t];
    decoder_pass_free(pass);
    return sum;
}

static void scores_are(int draws, int prompt_tokens, int room) {
    enum { MOST = 200 };
    const struct prompted_options options = {
        .fast = model->config.fast, .draws = draws, .seed = 3, .begin = ltm_tokenizer_end(model->tokenizer)};
    struct prompted p;
    int32_t ids[MOST];
    int32_t first[] = {41, 57, 99, 123, 7, 200};
    int32_t second[] = {80};
    const struct continuation continuations[] = {{first, 6}, {second, 1}};
    double logs[2];
    double alone[2];
    bool greedy;
    for (int i = 0; i < prompt_tokens; i++) ids[i] = 10 + 37 * i % 250;
    assert_int_equal(prompted_create(&p, weights, &options, NULL), LTM_OK);
    assert_int_equal(prompted_begin(&p, ids, (size_t)prompt_tokens, room, 5, NULL), LTM_OK);
    assert_int_equal(prompted_score(&p, continuations, 2, 0, logs, &greedy, NULL), LTM_OK);
    assert_int_equal(prompted_score(&p, continuations, 2, 0, alone, NULL, NULL), LTM_OK);
    for (int c = 0; c < 2; c++) {
        double each[8];
        double most = -INFINITY;
        double sum = 0;
        int32_t tokens[MOST];
        const int over = p.inputs + (int)continuations[c].count - model->config.model.sequence;
        const int from = over > 0 ? over : 0;
        const int inputs = p.inputs - from + (int)continuations[c].count;
        memcpy(tokens, p.tokens + from, sizeof *tokens * (size_t)(p.inputs - from + 1));
        memcpy(tokens + p.inputs - from + 1, continuations[c].ids, sizeof *tokens * continuations[c].count);
        for (int k = 0; k < p.draws; k++) {
            const struct noise_source noise = {{.seed = 3, .purpose = RANDOM_SCORE_NOISE, .step = 2}, &p.number};
            if (p.loop.latents && draws) {
                fast_loop_draw(&p.loop, &noise, 1, k);
                posterior_sample(p.loop.z, p.loop.mu, p.loop.logvar, p.loop.noise, p.loop.latents);
            }
            each[k] = whole(tokens, inputs, continuations[c].count, draws ? p.loop.z : p.loop.mu);
            most = fmax(most, each[k]);
        }
        for (int k = 0; k < p.draws; k++) sum += exp(each[k] - most);
        const double expected = most + log(sum / p.draws);
        /* fp32 over some dozens of rows in another order */
        if (!(fabs(logs[c] - expected) < 2e-3 * fabs(expected)))
            fail_msg("draws %d, prompt %d, choice %d: %.6f, the decoder's pass %.6f", draws, prompt_tokens, c, logs[c],
                     expected);
        assert_true(fabs(logs[c] - alone[c]) < 1e-5 * fabs(expected)); /* in step or one after the other */
    }
    prompted_free(&p);
}

static void scores_are_those_of_the_whole_text(void **state) {
    (void)state;
    scores_are(1, 20, 4);
    scores_are(5, 20, 4);
    scores_are(0, 20, 4);
    scores_are(3, 0, 4); /* an empty prompt: z from the prior */
    scores_are(3, 1, 4);
    scores_are(3, 100, 4); /* longer than the model's 64: its end, and less of that behind a longer answer */
    scores_are(3, 100, 1);
    scores_are(3, 60, 1); /* room for one of them */
    struct ltm_model *with = model;
    struct stream_weights *with_weights = weights;
    model = fixture_model(0, 64);
    assert_int_equal(stream_weights_create(&weights, model->decoder, false, 1, NULL), LTM_OK);
    scores_are(3, 20, 4);
    scores_are(3, 0, 4);
    stream_weights_free(weights);
    ltm_model_close(model);
    model = with;
    weights = with_weights;
}

static double score_of(const int32_t *prompt, size_t tokens, struct continuation *answers, int n, bool *cut) {
    const struct prompted_options options = {.fast = model->config.fast, .draws = 2, .seed = 3, .begin = 2};
    struct prompted p;
    double logs[2];
    assert_int_equal(prompted_create(&p, weights, &options, NULL), LTM_OK);
    assert_int_equal(prompted_begin(&p, prompt, tokens, 1, 5, NULL), LTM_OK);
    assert_int_equal(prompted_score(&p, answers, n, 0, logs, NULL, NULL), LTM_OK);
    *cut = p.cut;
    prompted_free(&p);
    return logs[0];
}

/* lm-evaluation-harness cuts each request by its own length: T - n + 1 tokens are kept before an answer of n. */
static void a_long_answer_cuts_no_other(void **state) {
    (void)state;
    int32_t prompt[70];
    int32_t long_ids[] = {41, 57, 99, 123, 7, 200};
    int32_t short_ids[] = {80};
    struct continuation both[] = {{short_ids, 1}, {long_ids, 6}};
    bool cut;
    for (int i = 0; i < 70; i++) prompt[i] = 10 + 37 * i % 250;
    for (size_t tokens = 50; tokens <= 70; tokens++) {
        const double alone = score_of(prompt, tokens, both, 1, &cut);
        assert_int_equal(cut, tokens + 1 > 64); /* the id that begins a document is one of them */
        assert_true(fabs(score_of(prompt, tokens, both, 2, &cut) - alone) < 1e-5 * fabs(alone)); /* other products */
        assert_int_equal(cut, tokens + 1 > 64 - 5);
    }
}

struct written {
    int32_t ids[64];
    size_t count;
};

static ltm_status keep_token(void *user, int sample, int32_t token, bool *more, struct ltm_error *error) {
    struct written *w = user;
    (void)error;
    (void)sample;
    w->ids[w->count++] = token;
    *more = w->count < 5;
    return LTM_OK;
}

static void greedy_is_what_would_be_written(void **state) {
    (void)state;
    for (int draws = 0; draws <= 1; draws++) {
        const struct prompted_options options = {
            .fast = model->config.fast, .draws = draws, .seed = 3, .begin = ltm_tokenizer_end(model->tokenizer)};
        const int32_t ids[] = {20, 30, 40, 50};
        struct prompted p;
        struct sampler sampler;
        struct written w = {.count = 0};
        double log_p;
        bool greedy = false;
        assert_int_equal(prompted_create(&p, weights, &options, NULL), LTM_OK);
        assert_int_equal(sampler_create(&sampler, model->config.model.vocab, 0, 0, 1, NULL), LTM_OK);
        assert_int_equal(prompted_begin(&p, ids, 4, 8, 1, NULL), LTM_OK);
        assert_int_equal(prompted_write(&p, &sampler, 1, 8, keep_token, &w, NULL), LTM_OK);
        assert_int_equal(w.count, 5);
        struct continuation written = {w.ids, w.count};
        assert_int_equal(prompted_score(&p, &written, 1, 0, &log_p, &greedy, NULL), LTM_OK);
        assert_true(greedy);
        w.ids[4] = (w.ids[4] + 1) % 250;
        assert_int_equal(prompted_score(&p, &written, 1, 0, &log_p, &greedy, NULL), LTM_OK);
        assert_false(greedy);
        prompted_free(&p);
        sampler_free(&sampler);
    }
}

static double metric(const struct taken *t, const char *name) {
    for (int i = 0; i < t->outcome.count; i++)
        if (strcmp(t->outcome.metrics[i].name, name) == 0) return t->outcome.metrics[i].value;
    fail_msg("no metric %s", name);
    return NAN;
}

/* Of an item's own log-likelihoods, as its record keeps them, what acc, acc_norm and acc_bytes must be. */
static void accuracies_follow_from_the_log_likelihoods(void **state) {
    (void)state;
    static const char *const choices[] = {"red", "the sun and the moon", "äöüäöü", "a"};
    static const double characters[] = {3, 20, 6, 1};
    static const double bytes[] = {3, 20, 12, 1};
    for (int gold = 0; gold < 4; gold++) {
        struct taken t;
        char item[400];
        int best[3] = {0, 0, 0};
        double log_p[4];
        snprintf(item, sizeof item,
                 "{\"context\": \"the cat sat on\", \"choices\": [\"%s\", \"%s\", \"%s\", \"%s\"], \"gold\": %d}",
                 choices[0], choices[1], choices[2], choices[3], gold);
        take(&t, "[task]\nname=x\nkind=choices\nitems=one.jsonl\n", item, 0);
        const json_t *taken = json_object_get(t.record.filtered, "none");
        for (int i = 0; i < 4; i++) {
            log_p[i] = json_real_value(json_array_get(json_array_get(taken, (size_t)i), 0));
            assert_true(log_p[i] < 0);
            if (log_p[i] > log_p[best[0]]) best[0] = i;
            if (log_p[i] / characters[i] > log_p[best[1]] / characters[best[1]]) best[1] = i;
            if (log_p[i] / bytes[i] > log_p[best[2]] / bytes[best[2]]) best[2] = i;
        }
        assert_true(metric(&t, "acc") == (best[0] == gold));
        assert_true(metric(&t, "acc_norm") == (best[1] == gold));
        assert_true(metric(&t, "acc_bytes") == (best[2] == gold));
        drop(&t);
    }
}

/* "arguments" of an item's first request, as JSON. */
static void assert_asked(const char *ini, const char *items, int shots, const char *expected) {
    struct taken t;
    take(&t, ini, items, shots);
    char *asked = json_dumps(json_array_get(json_object_get(t.record.shared, "arguments"), 0), JSON_COMPACT);
    assert_string_equal(asked, expected);
    free(asked);
    drop(&t);
}

/* BLiMP and its like: lm-evaluation-harness scores " Who …" behind an empty context. */
static void the_delimiter_stands_behind_an_empty_context(void **state) {
    (void)state;
    assert_asked("[task]\nname=x\nformat=blimp\nitems=one.jsonl\n",
                 "{\"sentence_good\": \"Who sat?\", \"sentence_bad\": \"Sat who?\"}", 0, "[\"\",\" Who sat?\"]");
    assert_asked("[task]\nname=x\nkind=choices\nitems=one.jsonl\n",
                 "{\"context\": \"\", \"choices\": [\"a\", \"b\"], \"gold\": 1}", 0, "[\"\",\" a\"]");
    assert_asked("[task]\nname=x\nkind=lastword\nitems=one.jsonl\n", "{\"context\": \"\", \"answer\": \"cat\"}", 0,
                 "[\"\",\" cat\"]");
    assert_asked("[task]\nname=x\nkind=pairs\nitems=one.jsonl\nshots=one.jsonl\n",
                 "{\"good\": \"A.\", \"bad\": \"B.\"}\n{\"good\": \"C.\", \"bad\": \"D.\"}", 1,
                 "[\" C.\\n\\n\",\" A.\"]");
}

/* Blanks at a prompt's end are scored, as with str.rstrip in Python: a no-break space and an ideographic one too. */
static void blanks_at_the_end_go_to_what_follows(void **state) {
    (void)state;
    static const char *const ends[] = {" ", "\xC2\xA0", "\xE3\x80\x80", "\t\xE2\x80\x83"};
    for (int i = 0; i < 4; i++) {
        char bare[60];
        char prompt[60];
        char text[60];
        size_t behind;
        size_t without;
        snprintf(bare, sizeof bare, "the cat");
        snprintf(prompt, sizeof prompt, "the cat%s", ends[i]);
        snprintf(text, sizeof text, "%ssat", ends[i]);
        assert_int_equal(score_tokens(&behind, model->tokenizer, prompt, "sat", NULL), LTM_OK);
        assert_int_equal(score_tokens(&without, model->tokenizer, bare, text, NULL), LTM_OK);
        assert_int_equal(behind, without);
    }
}

static void prompts_are_shots_and_question(void **state) {
    (void)state;
    struct task *task;
    char *text;
    char *more;
    char items[2000] = "";
    for (int i = 0; i < 6; i++)
        snprintf(items + strlen(items), sizeof items - strlen(items), "{\"context\": \"c%d\", \"answer\": \"a%d\"}\n",
                 i, i);
    fixture_put("p.jsonl", items);
    fixture_put("p.ini", "[task]\nname=p\nkind=generate\nitems=p.jsonl\nshots=p.jsonl\n");
    assert_int_equal(task_load(&task, test_path("p.ini"), NULL), LTM_OK);
    assert_int_equal(prompt_make(&text, task, 2, 0, 0, 1, NULL), LTM_OK);
    assert_string_equal(text, "c2");
    free(text);
    bool differ = false;
    char first[3] = "";
    for (uint64_t seed = 0; seed < 20; seed++) {
        assert_int_equal(prompt_make(&text, task, 2, 0, 2, seed, NULL), LTM_OK);
        assert_int_equal(prompt_make(&more, task, 2, 0, 5, seed, NULL), LTM_OK);
        int a;
        int b;
        int c;
        int d;
        int e;
        int f;
        int g;
        assert_int_equal(sscanf(text, "c%d a%d c%d a%d c%d", &a, &b, &c, &d, &e), 5);
        assert_true(a == b && c == d && a != c && a != 2 && c != 2 && e == 2);
        char expected[60];
        snprintf(expected, sizeof expected, "c%d a%d\n\nc%d a%d\n\nc2", a, a, c, c);
        assert_string_equal(text, expected);
        assert_int_equal(sscanf(more, "c%d a%d c%d", &f, &g, &f), 3);
        assert_memory_equal(text, more, strlen(text) - 2); /* fewer are the first of more */
        if (seed == 0) memcpy(first, text, 2);
        differ = differ || memcmp(first, text, 2) != 0;
        free(text), free(more);
    }
    assert_true(differ);
    struct ltm_error error = {0};
    assert_int_equal(prompt_make(&text, task, 2, 0, 6, 1, &error), LTM_INVALID); /* never the item itself */
    task_free(task);
}

static void too_long_an_answer_is_refused(void **state) {
    (void)state;
    struct ltm_fewshot_options options = ltm_fewshot_defaults();
    struct ltm_fewshot_result result;
    struct ltm_error error = {0};
    fixture_put("one.ini", "[task]\nname=x\nkind=pairs\nitems=one.jsonl\n");
    fixture_put("one.jsonl", "{\"good\": \"a\", \"bad\": \"b\"}\n{\"good\": \"a\", \"bad\": \"" LONG " " LONG "\"}");
    options.threads = 1;
    assert_int_equal(ltm_fewshot(model, test_path("one.ini"), &options, NULL, &result, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "item 1 of task x has an answer longer than model.sequence = 64 tokens"));
    options.skip_long = 1;
    assert_int_equal(ltm_fewshot(model, test_path("one.ini"), &options, NULL, &result, &error), LTM_OK);
    assert_int_equal(result.items, 2);
    assert_int_equal(result.skipped, 1);
    assert_int_equal(result.metrics[0].items, 1);
    ltm_fewshot_result_free(&result);
}

int main(void) {
    model = fixture_model(4, 64);
    if (stream_weights_create(&weights, model->decoder, false, 1, NULL) != LTM_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_posterior_does_not_know_the_answer),
        cmocka_unit_test(scores_are_those_of_the_whole_text),
        cmocka_unit_test(a_long_answer_cuts_no_other),
        cmocka_unit_test(greedy_is_what_would_be_written),
        cmocka_unit_test(accuracies_follow_from_the_log_likelihoods),
        cmocka_unit_test(the_delimiter_stands_behind_an_empty_context),
        cmocka_unit_test(blanks_at_the_end_go_to_what_follows),
        cmocka_unit_test(prompts_are_shots_and_question),
        cmocka_unit_test(too_long_an_answer_is_refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    stream_weights_free(weights);
    ltm_model_close(model);
    return failed;
}
