/* Prompts with answers as sequences: what counts, what the fit sees, what is held out, and which lines are refused. */
#include "support/pairs.h"
#include "support/unit.h"

#include "text/pair_source.h"

enum { LENGTH = 48 };

static struct ltm_tokenizer *tokenizer;

static int open_tokenizer(void **state) {
    (void)state;
    return ltm_tokenizer_open(&tokenizer, TEST_TOKENIZER, NULL) == LTM_OK ? 0 : -1;
}

static int close_tokenizer(void **state) {
    (void)state;
    ltm_tokenizer_close(tokenizer);
    return 0;
}

static struct ltm_model_config model(int latents, int packing) {
    return (struct ltm_model_config){
        .sequence = LENGTH, .latents = latents, .packing = packing, .document_end = ltm_tokenizer_end(tokenizer)};
}

static struct pair_source open_pairs(const char *path, const struct ltm_model_config *m, enum pair_part part,
                                     bool preferences) {
    const struct pair_options options = {path, part, preferences, tokenizer, m};
    struct pair_source pairs;
    struct ltm_error error = {0};
    if (pair_source_open(&pairs, &options, &error) != LTM_OK) fail_msg("%s", error.message);
    return pairs;
}

/* The text of the targets of sequence i whose weight is not 0, of the loss or of the fit. */
static void text_of(char *text, const struct pair_source *pairs, int64_t i, bool fit) {
    int32_t tokens[LENGTH];
    int32_t targets[LENGTH];
    int32_t kept[LENGTH];
    float weights[LENGTH];
    size_t count = 0;
    size_t bytes;
    char *decoded;
    assert_true(pairs->source.read(&pairs->source, i, LENGTH, tokens, targets, weights));
    if (fit) pairs->source.read_fit(&pairs->source, i, LENGTH, weights);
    assert_int_equal(tokens[0], pairs->end);
    for (int t = 0; t < LENGTH; t++) {
        if (t > 0) assert_int_equal(tokens[t], targets[t - 1]);
        assert_true(weights[t] == 0 || weights[t] == 1);
        if (weights[t] == 1) kept[count++] = targets[t];
    }
    if (!fit) assert_int_equal(kept[count - 1], pairs->end);
    assert_int_equal(ltm_tokenizer_decode(tokenizer, kept, count, &decoded, &bytes, NULL), LTM_OK);
    strcpy(text, decoded);
    free(decoded);
}

static void assert_sequence(const struct pair_source *pairs, int64_t i, const char *prompt, const char *answer) {
    char text[600];
    text_of(text, pairs, i, false);
    assert_string_equal(text, answer);
    if (!prompt) return;
    text_of(text, pairs, i, true);
    assert_string_equal(text, prompt);
}

static void answers_count_and_the_fit_sees_prompts(void **state) {
    (void)state;
    const struct ltm_model_config m = model(4, LTM_PACKING_DOCUMENT);
    struct pair_source p = open_pairs(
        test_write(
            "some.jsonl",
            "{\"prompt\": \"a b \", \"answer\": \"c\"}\n\n"
            "{\"prompt\": \"d\", \"answer\": \" e\", \"more\": 1}\n"
            "{\"messages\": [{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", \"content\": \"hi\"}, "
            "{\"role\": \"assistant\", \"content\": \"oh\"}]}\n"
            "{\"prompt\": \"f\", \"chosen\": \" g\", \"rejected\": \" h\"}\n"),
        &m, PAIRS_ALL, false);
    assert_int_equal(p.source.count, 4);
    assert_sequence(&p, 0, "a b", " c");
    assert_sequence(&p, 1, "d", " e");
    assert_sequence(&p, 2, "system: s\nuser: hi\nassistant:", " oh");
    assert_sequence(&p, 3, "f", " g");
    assert_null(p.source.noise);
    pair_source_free(&p);
}

static void two_answers_stand_side_by_side(void **state) {
    (void)state;
    const struct ltm_model_config m = model(4, LTM_PACKING_DOCUMENT);
    struct pair_source p = open_pairs(test_write_pairs("two.jsonl", 9), &m, PAIRS_ALL, true);
    assert_int_equal(p.source.count, 18);
    assert_sequence(&p, 0, "0: sea, moon?", " sea");
    assert_sequence(&p, 1, "0: sea, moon?", " no moon");
    pair_source_train(&p, 3);
    for (int epoch = 0; epoch < 2; epoch++) {
        int seen[9] = {0};
        for (int64_t i = 18 * epoch; i < 18 * (epoch + 1); i += 2) {
            const uint32_t number = p.source.noise(&p.source, i);
            assert_int_equal(p.source.noise(&p.source, i + 1), number);
            assert_true(p.source.place(&p.source, i + 1) > p.source.place(&p.source, i));
            seen[number]++;
        }
        for (int k = 0; k < 9; k++) assert_int_equal(seen[k], 1);
    }
    pair_source_free(&p);
}

static void without_latents_pairs_are_packed(void **state) {
    (void)state;
    const struct ltm_model_config m = model(0, LTM_PACKING_MASKED);
    struct pair_source p = open_pairs(test_write("packed.jsonl", "{\"prompt\": \"a\", \"answer\": \" b\"}\n"
                                                                 "{\"prompt\": \"c\", \"answer\": \" d\"}\n"
                                                                 "{\"prompt\": \"e\", \"answer\": \" f\"}\n"),
                                      &m, PAIRS_ALL, false);
    assert_int_equal(p.source.count, 1);
    assert_int_equal(p.pairs, 3);
    assert_null(p.source.read_fit);
    assert_sequence(&p, 0, NULL, " b d f");
    pair_source_free(&p);
}

static void a_twentieth_is_held_out_by_prompt(void **state) {
    (void)state;
    const struct ltm_model_config m = model(4, LTM_PACKING_DOCUMENT);
    const char *path = test_write_pairs("split.jsonl", 400);
    struct pair_source all = open_pairs(path, &m, PAIRS_ALL, false);
    struct pair_source training = open_pairs(path, &m, PAIRS_TRAINING, false);
    struct pair_source heldout = open_pairs(path, &m, PAIRS_HELDOUT, false);
    assert_int_equal(training.pairs + heldout.pairs, 400);
    assert_in_range(heldout.pairs, 8, 36);
    int64_t next[2] = {0, 0}; /* together they are the whole, each in its order */
    for (int64_t i = 0; i < 400; i++) {
        char text[3][600] = {{0}};
        text_of(text[0], &all, i, true);
        if (next[0] < training.pairs) text_of(text[1], &training, next[0], true);
        if (next[1] < heldout.pairs) text_of(text[2], &heldout, next[1], true);
        const int which = strcmp(text[0], text[2]) == 0;
        assert_string_equal(text[0], text[1 + which]);
        next[which]++;
    }
    pair_source_limit(&heldout, 4);
    assert_int_equal(heldout.source.count, 4);
    pair_source_free(&all);
    pair_source_free(&training);
    pair_source_free(&heldout);
}

static void assert_refused(const char *lines, bool preferences, const char *sentence) {
    const struct ltm_model_config m = model(4, LTM_PACKING_DOCUMENT);
    const struct pair_options options = {test_write("bad.jsonl", lines), PAIRS_ALL, preferences, tokenizer, &m};
    struct pair_source pairs;
    struct ltm_error error = {0};
    assert_int_equal(pair_source_open(&pairs, &options, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "bad.jsonl"));
    if (!strstr(error.message, sentence)) fail_msg("%s", error.message);
}

static void bad_lines_are_refused_by_number(void **state) {
    (void)state;
    assert_refused("{\"prompt\": \"a\", \"answer\": \"b\"}\n{\"prompt\": \"a\"}\n", false, "line 2 of");
    assert_refused("{\"prompt\": \"a\", \"answer\": 3}\n", false, "line 1 of");
    assert_refused("{\"prompt\": \"a\", \"answer\": \"\"}\n", false, "an answer is empty");
    assert_refused("{\"prompt\": \" \", \"answer\": \"b\"}\n", false, "the prompt contains no text");
    assert_refused("{\"prompt\": \"a\", \"ans", false, "line 1 of");
    assert_refused("[]\n", false, "line 1 of");
    assert_refused("{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}]}\n", false, "two or more");
    assert_refused(
        "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"user\", \"content\": \"b\"}]}\n", false,
        "the last with role assistant");
    assert_refused(
        "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"\"}]}\n",
        false, "the last message is empty");
    assert_refused("{\"prompt\": \"a\", \"answer\": \"b\"}\n", true, "\"rejected\"");
    assert_refused("{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"b\"}\n", true, "the same");
    assert_refused("\n", false, "contains no pair");
    assert_refused("{\"prompt\": \"one two three four five six seven eight nine ten eleven twelve thirteen fourteen\", "
                   "\"answer\": \" fifteen sixteen seventeen eighteen nineteen twenty\"}\n",
                   false, "longer than model.sequence");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_count_and_the_fit_sees_prompts), cmocka_unit_test(two_answers_stand_side_by_side),
        cmocka_unit_test(without_latents_pairs_are_packed),       cmocka_unit_test(a_twentieth_is_held_out_by_prompt),
        cmocka_unit_test(bad_lines_are_refused_by_number),
    };
    return cmocka_run_group_tests(tests, open_tokenizer, close_tokenizer);
}
