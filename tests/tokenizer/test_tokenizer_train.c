/* Training a tokenizer: the same model for the same text and seed; bad input is refused, old files stay. */
#include "text/fixture.h"

#include <signal.h>
#include <sys/resource.h>

#include "text/text_sample.h"

static struct ltm_tokenizer_train_options options_for(const char *output, const char *const *input, int vocab) {
    struct ltm_tokenizer_train_options options = ltm_tokenizer_train_defaults();
    options.output = output;
    options.input.paths = input;
    options.input.count = 1;
    options.vocab = vocab;
    return options;
}

static const char *make_text(const char *name) {
    struct words words = make_words(200000, 5);
    const char *path = put(name, words.text, words.bytes);
    free(words.text);
    return path;
}

static void train(const struct ltm_tokenizer_train_options *options, char checksum[17]) {
    assert_ok(ltm_tokenizer_train(options, NULL, &error));
    assert_ok(checksum_file(checksum, options->output, &error));
}

static void the_same_seed_gives_the_same_model_for_any_threads(void **state) {
    (void)state;
    const char *input = make_text("train.txt");
    for (int kind = 0; kind < 2; kind++) {
        struct ltm_tokenizer_train_options options = options_for(at("same.model"), &input, 500);
        char first[17];
        char again[17];
        options.kind = kind ? LTM_TOKENIZER_BPE : LTM_TOKENIZER_UNIGRAM;
        options.sample_bytes = 50000;
        options.threads = 1;
        train(&options, first);
        for (int threads = 0; threads < 4; threads++) {
            options.threads = threads;
            train(&options, again);
            assert_string_equal(again, first);
        }
        options.seed = 2;
        train(&options, again);
        assert_string_not_equal(again, first);
    }
}

static void a_sample_is_even_and_keeps_its_bound(void **state) {
    (void)state;
    struct words lines = {0};
    char line[32];
    for (int i = 0; i < 20000; i++) {
        int length = snprintf(line, sizeof line, "line %05d of many\n", i);
        words_add(&lines, line, (size_t)length);
    }
    const char *path = put("lines.txt", lines.text, lines.bytes);
    struct ltm_text_input input = {.paths = &path, .count = 1};
    struct text_sample sample;
    assert_ok(text_sample_draw(&sample, &input, 85000, 3, NULL, &error)); /* a quarter: 18 bytes a line */
    assert_in_range(sample.bytes, 85000 * 8 / 10, 85000);
    int last = -1;
    int quarter[4] = {0};
    for (size_t i = 0; i < sample.count; i++) {
        int number = atoi(sample.text + sample.lines[i].from + 5);
        assert_true(number > last); /* in order, none twice */
        last = number;
        quarter[number / 5000]++;
    }
    for (int i = 0; i < 4; i++) /* binomial: five standard deviations */
        assert_in_range(quarter[i], sample.count / 4 - 150, sample.count / 4 + 150);
    text_sample_free(&sample);
    assert_ok(text_sample_draw(&sample, &input, 0, 3, NULL, &error));
    assert_int_equal(sample.count, 20000);
    text_sample_free(&sample);
    free(lines.text);
}

static void reserved_characters_end_lines(void **state) {
    static const char text[] = "one\ttwo\0three\xE2\x96\x81"
                               "four\xE2\x96\x85"
                               "five\xE2\x96\x84six\n\nseven<0x41></s>eight<0xp";
    static const char *const expected[] = {"one", "two", "three", "four", "five\xE2\x96\x84six", "seven", "eight<0xp"};
    (void)state;
    const char *path = put("reserved.txt", text, sizeof text - 1);
    struct ltm_text_input input = {.paths = &path, .count = 1};
    struct text_sample sample;
    assert_ok(text_sample_draw(&sample, &input, 0, 1, NULL, &error));
    assert_int_equal(sample.count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(sample.lines[i].bytes, strlen(expected[i]));
        assert_memory_equal(sample.text + sample.lines[i].from, expected[i], strlen(expected[i]));
    }
    text_sample_free(&sample);
}

static void too_large_a_vocabulary_names_one_that_will_do(void **state) {
    (void)state;
    const char *input = put_text("small.txt", "a few words only, and a few words more\n");
    for (int kind = 0; kind < 2; kind++) {
        struct ltm_tokenizer_train_options options = options_for(at("small.model"), &input, 5000);
        options.kind = kind ? LTM_TOKENIZER_BPE : LTM_TOKENIZER_UNIGRAM;
        assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
        assert_says("vocabulary of 5000; ");
        options.vocab = atoi(strstr(error.message, "use at most ") + 12);
        assert_ok(ltm_tokenizer_train(&options, NULL, &error));
    }
}

static void too_small_a_vocabulary_is_refused(void **state) {
    (void)state;
    const char *input = put_text("alphabet.txt", "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789\n");
    struct ltm_tokenizer_train_options options = options_for(at("alphabet.model"), &input, 262);
    assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
    assert_says("too small for the characters");
    options.vocab = 259;
    assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
    assert_says("260 to");
    options.byte_fallback = false;
    options.vocab = 30;
    assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
    assert_says("too small for the characters");
}

/* Chinese and the like: characters of three bytes, the common ones common, no space; or the four letters of DNA. */
static const char *put_without_spaces(const char *name, bool letters, const char *end) {
    struct words words = {0};
    for (uint32_t i = 0; i < 30000; i++) {
        const uint32_t which = draw(7, 2 * i) % 300 * (draw(7, 2 * i + 1) % 300) / 300;
        const char character[] = {(char)0xE4, (char)(0xB8 + which / 64), (char)(0x80 + which % 64)};
        words_add(&words, letters ? &"ACGT"[which % 4] : character, letters ? 1 : 3);
        if (i % 60 == 59) words_add(&words, "\n", 1);
    }
    words_add(&words, end, strlen(end));
    const char *path = put(name, words.text, words.bytes);
    free(words.text);
    return path;
}

static void text_without_spaces_teaches_a_tokenizer(void **state) {
    (void)state;
    for (int which = 0; which < 8; which++) {
        const char *input = put_without_spaces("solid.txt", which & 4, which & 2 ? " \n" : "");
        struct ltm_tokenizer_train_options options = options_for(at("solid.model"), &input, which & 4 ? 300 : 800);
        struct ltm_tokenizer *tokenizer;
        static const char text[] = "a b  \xE2\x96\x81\n\xE4\xB8\x80\xE4\xB8\x81 ACGT";
        int32_t *ids;
        char *back;
        size_t count;
        size_t bytes;
        options.kind = which & 1 ? LTM_TOKENIZER_BPE : LTM_TOKENIZER_UNIGRAM;
        assert_ok(ltm_tokenizer_train(&options, NULL, &error));
        assert_ok(ltm_tokenizer_open(&tokenizer, options.output, &error));
        assert_ok(ltm_tokenizer_encode(tokenizer, text, strlen(text), &ids, &count, &error));
        assert_ok(ltm_tokenizer_decode(tokenizer, ids, count, &back, &bytes, &error));
        assert_string_equal(back, text);
        free(ids);
        free(back);
        ltm_tokenizer_close(tokenizer);
    }
}

static void the_share_of_characters_may_be_chosen(void **state) {
    (void)state;
    const char *input = put_without_spaces("chosen.txt", false, " \n");
    struct ltm_tokenizer_train_options options = options_for(at("chosen.model"), &input, 500);
    options.character_coverage = 1; /* 270 characters and 260 more */
    assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
    assert_says("too small for the characters");
    const int needed = atoi(strstr(error.message, "use at least ") + 13);
    options.vocab = needed - 1;
    assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
    options.vocab = needed; /* what is said works */
    assert_ok(ltm_tokenizer_train(&options, NULL, &error));
    options.vocab = 500;
    options.character_coverage = 0.98;
    assert_ok(ltm_tokenizer_train(&options, NULL, &error));
    options.character_coverage = 1.5;
    assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
    assert_says("out of range");
}

/* Text with next to nothing to learn from: whatever happens, it is a sentence and not an exit. */
static void odd_texts_do_not_end_the_program(void **state) {
    static const char *const texts[] = {"\n\n\n",
                                        " ",
                                        "    \n  \n",
                                        "\t\t",
                                        "a",
                                        "aaaaaaaaaaaaaaaa",
                                        "abababababab abab",
                                        "</s>",
                                        "\xE2\x96\x81",
                                        "\xE2\x96\x85",
                                        "<unk></s><0x41>",
                                        "\xF0\x9F\x98\x80",
                                        "\x01\x02\x03"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (int mode = 0; mode < 4; mode++) {
            const char *input = put_text("odd.txt", texts[i]);
            struct ltm_tokenizer_train_options options = options_for(at("odd.model"), &input, mode & 1 ? 270 : 262);
            options.kind = mode & 2 ? LTM_TOKENIZER_BPE : LTM_TOKENIZER_UNIGRAM;
            ltm_status status = ltm_tokenizer_train(&options, NULL, &error);
            if (status != LTM_OK) assert_int_equal(status, LTM_INVALID);
        }
    const char *nul = put("nul.txt", "\0\0\0", 3);
    struct ltm_tokenizer_train_options options = options_for(at("odd.model"), &nul, 270);
    assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
    assert_says("no text");
}

static void a_text_that_is_too_small_is_refused(void **state) {
    (void)state;
    const char *input = put_text("tiny.txt", "x");
    const struct ltm_tokenizer_train_options options = options_for(at("tiny.model"), &input, 260);
    assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
    assert_says("too small for the characters of this text; use at least 261");
    assert_false(file_exists(options.output));
}

static void very_long_lines_are_learned_from(void **state) {
    (void)state;
    struct words words = make_words(300000, 5);
    for (size_t i = 0; i < words.bytes; i++)
        if (words.text[i] == '\n') words.text[i] = ' ';
    const char *input = put("line.txt", words.text, words.bytes);
    struct ltm_tokenizer_train_options options = options_for(at("line.model"), &input, 400);
    assert_ok(ltm_tokenizer_train(&options, NULL, &error));
    free(words.text);
}

static void failures_leave_the_old_model(void **state) {
    (void)state;
    const char *input = make_text("train.txt");
    const char *bad = put("bad.txt", "ok \xFF", 4);
    struct ltm_tokenizer_train_options options = options_for(at("kept.model"), &input, 400);
    char before[17];
    char after[17];
    train(&options, before);
    options.input.paths = &bad;
    assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
    assert_says("byte 3 is 0xFF");

    struct rlimit old;
    struct rlimit small; /* stands for a full disk */
    options.input.paths = &input;
    options.vocab = 450;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ltm_status status = ltm_tokenizer_train(&options, NULL, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, LTM_IO);
    assert_says("kept.model");
    assert_ok(checksum_file(after, at("kept.model"), &error));
    assert_string_equal(after, before);

    options.output = "/dev/null/x.model";
    assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_IO);
    options.output = NULL;
    assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
}

static void the_text_is_not_replaced(void **state) {
    (void)state;
    const char *input = make_text("read.txt");
    const char *parent = test_folder();
    struct ltm_tokenizer_train_options options = options_for(input, &input, 400);
    char before[17];
    char after[17];
    assert_ok(checksum_file(before, input, &error));
    for (int i = 0; i < 2; i++) { /* named, or found in a folder */
        options.input.paths = i ? &parent : &input;
        assert_int_equal(ltm_tokenizer_train(&options, NULL, &error), LTM_INVALID);
        assert_says("read.txt is both input and output");
    }
    assert_ok(checksum_file(after, input, &error));
    assert_string_equal(after, before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_model_for_any_threads),
        cmocka_unit_test(a_sample_is_even_and_keeps_its_bound),
        cmocka_unit_test(reserved_characters_end_lines),
        cmocka_unit_test(too_large_a_vocabulary_names_one_that_will_do),
        cmocka_unit_test(too_small_a_vocabulary_is_refused),
        cmocka_unit_test(text_without_spaces_teaches_a_tokenizer),
        cmocka_unit_test(the_share_of_characters_may_be_chosen),
        cmocka_unit_test(odd_texts_do_not_end_the_program),
        cmocka_unit_test(a_text_that_is_too_small_is_refused),
        cmocka_unit_test(very_long_lines_are_learned_from),
        cmocka_unit_test(failures_leave_the_old_model),
        cmocka_unit_test(the_text_is_not_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
