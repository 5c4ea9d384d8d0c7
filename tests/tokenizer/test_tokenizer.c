/* Tokenizers: any valid UTF-8 text comes back to the byte; models that would change text are refused. */
#include "text/fixture.h"
#include <math.h>

#include "text/model_bytes.h"

static const uint32_t seed = 20250731;

static struct ltm_tokenizer *open_model(const char *path) {
    struct ltm_tokenizer *tokenizer = NULL;
    assert_ok(ltm_tokenizer_open(&tokenizer, path, &error));
    return tokenizer;
}

/* Returns the number of tokens. */
static size_t assert_round_trip(const struct ltm_tokenizer *tokenizer, const char *text, size_t bytes) {
    int32_t *ids;
    char *back;
    size_t count;
    size_t back_bytes;
    size_t piece_bytes = 0;
    assert_ok(ltm_tokenizer_encode(tokenizer, text, bytes, &ids, &count, &error));
    assert_ok(ltm_tokenizer_decode(tokenizer, ids, count, &back, &back_bytes, &error));
    for (size_t i = 0; i < count; i++) piece_bytes += ltm_tokenizer_piece_bytes(tokenizer, ids[i]);
    assert_int_equal(back_bytes, bytes);
    assert_int_equal(piece_bytes, bytes);
    assert_memory_equal(back, text, bytes);
    assert_int_equal(back[bytes], 0);
    free(ids);
    free(back);
    return count;
}

static void add_code_point(struct words *words, uint32_t code) {
    char text[4];
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    text[0] = (char)code;
    for (size_t i = length - 1; i > 0; i--, code >>= 6) text[i] = (char)(0x80 | (code & 0x3F));
    if (length > 1) text[0] = (char)(0xFF00u >> length | code);
    words_add(words, text, length);
}

static const char *const awkward[] = {" ",
                                      "  ",
                                      "\n",
                                      "\n\n",
                                      "\t",
                                      "\r\n",
                                      "\xE2\x96\x81", /* U+2581 */
                                      "\xE2\x96\x85",
                                      "\x01",
                                      "\x7F",
                                      "<unk>",
                                      "</s>",
                                      "<0x41>",
                                      "<s>",
                                      "\xEF\xBB\xBF",
                                      "\xC2\xA0",
                                      "\xE3\x80\x80",
                                      "e\xCC\x81",
                                      "\xEF\xAC\x81",
                                      "\xEF\xBF\xBD",
                                      "\xEF\xBF\xBF",
                                      "\xF4\x8F\xBF\xBF",
                                      "\xE2\x81\x87",
                                      "lo",
                                      "mi",
                                      "ka lo mi",
                                      ".",
                                      "\xE2\x80\x8D",
                                      "\xF0\x9F\x91\xA9"};

/* Code points of all lengths, words of the training text, and what SentencePiece treats in its own way. */
static struct words random_text(uint32_t which) {
    struct words words = {0};
    uint32_t i = 0;
    uint32_t length = draw(seed + which, i++) % 200;
    words_add(&words, "", 0);
    for (uint32_t k = 0; k < length; k++) {
        uint32_t kind = draw(seed + which, i++) % 8;
        uint32_t value = draw(seed + which, i++);
        const char *special = awkward[value % (sizeof awkward / sizeof awkward[0])];
        if (kind < 3)
            words_add(&words, special, strlen(special));
        else if (kind == 3)
            add_code_point(&words, value % 0x80); /* NUL too */
        else if (kind == 4)
            add_code_point(&words, 0x80 + value % 0x780);
        else if (kind == 5)
            add_code_point(&words, value % 2 ? 0x800 + value % 0xD000 : 0xE000 + value % 0x2000);
        else if (kind == 6)
            add_code_point(&words, 0x10000 + value % 0x100000);
        else
            words_add(&words, "ren sal", 7);
    }
    return words;
}

static void random_text_comes_back(void **state) {
    (void)state;
    print_message("seed %u\n", seed);
    for (int kind = 0; kind < 2; kind++) {
        struct words learn = make_words(60000, 5);
        const char *source = put("learn.txt", learn.text, learn.bytes);
        free(learn.text);
        struct ltm_tokenizer_train_options options = ltm_tokenizer_train_defaults();
        options.output = at("random.model");
        options.input.paths = &source;
        options.input.count = 1;
        options.vocab = 400;
        options.kind = kind ? LTM_TOKENIZER_BPE : LTM_TOKENIZER_UNIGRAM;
        assert_ok(ltm_tokenizer_train(&options, NULL, &error));
        struct ltm_tokenizer *tokenizer = open_model(at("random.model"));
        for (uint32_t i = 0; i < 600; i++) {
            struct words words = random_text(i);
            assert_round_trip(tokenizer, words.text, words.bytes);
            free(words.text);
        }
        ltm_tokenizer_close(tokenizer);
    }
}

static void every_code_point_comes_back(void **state) {
    (void)state;
    struct ltm_tokenizer *tokenizer = open_model(make_tokenizer("all.model", 400, true));
    struct words words = {0};
    for (uint32_t code = 0; code < 0x110000; code += code < 0x3000 ? 1 : 37)
        if (code < 0xD800 || code >= 0xE000) add_code_point(&words, code);
    assert_round_trip(tokenizer, words.text, words.bytes);
    assert_round_trip(tokenizer, "", 0);
    assert_round_trip(tokenizer, "\0", 1);
    for (size_t i = 0; i < sizeof awkward / sizeof awkward[0]; i++)
        assert_round_trip(tokenizer, awkward[i], strlen(awkward[i]));
    free(words.text);
    ltm_tokenizer_close(tokenizer);
}

static void very_long_lines_come_back(void **state) {
    (void)state;
    struct ltm_tokenizer *tokenizer = open_model(make_tokenizer("long.model", 400, true));
    struct words words = {0};
    for (int i = 0; i < 100000; i++) words_add(&words, i % 3 ? "lo" : "\xF0\x9F\x91\xA9", i % 3 ? 2 : 4);
    assert_round_trip(tokenizer, words.text, words.bytes);
    memset(words.text, ' ', words.bytes);
    assert_round_trip(tokenizer, words.text, words.bytes);
    memset(words.text, 'k', words.bytes);
    assert_round_trip(tokenizer, words.text, words.bytes);
    free(words.text);
    ltm_tokenizer_close(tokenizer);
}

/* Encode `text` in steps of about 3,000 bytes that end before `mark`. */
static struct words encode_in_steps(const struct ltm_tokenizer *tokenizer, const struct words *text, char mark) {
    struct words all = {0};
    for (size_t from = 0, step; from < text->bytes; from += step) {
        const char *end = text->bytes - from > 3000 ? strchr(text->text + from + 3000, mark) : NULL;
        int32_t *ids;
        size_t count;
        step = end ? (size_t)(end - text->text) - from : text->bytes - from;
        assert_ok(ltm_tokenizer_encode(tokenizer, text->text + from, step, &ids, &count, &error));
        words_add(&all, (const char *)ids, count * sizeof *ids);
        free(ids);
    }
    return all;
}

/* Long text reaches SentencePiece in parts: cut where no piece spans, it gives the same tokens. */
static void cutting_long_text_changes_no_token(void **state) {
    (void)state;
    struct ltm_tokenizer *tokenizer = open_model(make_tokenizer("cut.model", 500, true));
    struct words text = make_words(300000, 8);
    int32_t *whole;
    size_t count;
    assert_ok(ltm_tokenizer_encode(tokenizer, text.text, text.bytes, &whole, &count, &error));
    struct words parts = encode_in_steps(tokenizer, &text, '\n');
    assert_int_equal(parts.bytes, count * sizeof *whole);
    assert_memory_equal(parts.text, whole, parts.bytes);
    free(whole);
    free(parts.text);

    /* One line: near ties between spellings may fall otherwise, so only the number of tokens is compared. */
    for (size_t i = 0; i < text.bytes; i++)
        if (text.text[i] == '\n') text.text[i] = ' ';
    assert_ok(ltm_tokenizer_encode(tokenizer, text.text, text.bytes, &whole, &count, &error));
    parts = encode_in_steps(tokenizer, &text, ' ');
    assert_in_range(parts.bytes / sizeof *whole, count - count / 1000, count + count / 1000);
    free(whole);
    free(parts.text);
    free(text.text);
    ltm_tokenizer_close(tokenizer);
}

static void a_newline_is_one_piece_and_words_are_pieces(void **state) {
    (void)state;
    struct ltm_tokenizer *tokenizer = open_model(make_tokenizer("pieces.model", 400, true));
    assert_int_equal(assert_round_trip(tokenizer, "\n", 1), 1);
    assert_int_equal(assert_round_trip(tokenizer, "\n\n\n", 3), 3);
    assert_true(assert_round_trip(tokenizer, "ka lo mi tu", 11) <= 6);
    assert_int_equal(assert_round_trip(tokenizer, "\xE2\x96\x81", 3), 3);
    assert_int_equal(ltm_tokenizer_vocab(tokenizer), 400);
    int end = ltm_tokenizer_end(tokenizer);
    assert_in_range(end, 0, 399);
    assert_int_equal(ltm_tokenizer_piece_bytes(tokenizer, end), 0);
    assert_int_equal(ltm_tokenizer_piece_bytes(tokenizer, -1), 0);
    assert_int_equal(ltm_tokenizer_piece_bytes(tokenizer, 400), 0);
    ltm_tokenizer_close(tokenizer);
}

static void ids_outside_the_vocabulary_are_refused(void **state) {
    (void)state;
    struct ltm_tokenizer *tokenizer = open_model(make_tokenizer("range.model", 300, true));
    char *text;
    size_t bytes;
    for (int i = 0; i < 3; i++) {
        int32_t ids[] = {5, (int32_t[]){-1, 300, INT32_MAX}[i]};
        assert_int_equal(ltm_tokenizer_decode(tokenizer, ids, 2, &text, &bytes, &error), LTM_INVALID);
        assert_says("outside the vocabulary of 300");
    }
    int32_t end = ltm_tokenizer_end(tokenizer);
    assert_ok(ltm_tokenizer_decode(tokenizer, &end, 1, &text, &bytes, &error));
    assert_int_equal(bytes, 0);
    free(text);
    assert_ok(ltm_tokenizer_decode(tokenizer, NULL, 0, &text, &bytes, &error));
    free(text);
    ltm_tokenizer_close(tokenizer);
}

static void text_that_is_not_utf8_is_refused(void **state) {
    (void)state;
    struct ltm_tokenizer *tokenizer = open_model(make_tokenizer("utf8.model", 300, true));
    int32_t *ids;
    size_t count;
    assert_int_equal(ltm_tokenizer_encode(tokenizer, "ab\xFF", 3, &ids, &count, &error), LTM_INVALID);
    assert_says("byte 2 is 0xFF");
    assert_null(ids);
    assert_int_equal(ltm_tokenizer_encode(tokenizer, "\xE2\x82", 2, &ids, &count, &error), LTM_INVALID);
    ltm_tokenizer_close(tokenizer);
}

static void without_bytes_the_unknown_piece_stands_in(void **state) {
    (void)state;
    struct ltm_tokenizer *tokenizer = open_model(make_tokenizer("bare.model", 60, false));
    assert_true(assert_round_trip(tokenizer, "ka lo\nmi", 8) > 0);
    const char *text = "ka\xE2\x82\xAClo\xE2\x96\x81mi";
    int32_t *ids;
    char *back;
    size_t count;
    size_t bytes;
    assert_ok(ltm_tokenizer_encode(tokenizer, text, strlen(text), &ids, &count, &error));
    assert_ok(ltm_tokenizer_decode(tokenizer, ids, count, &back, &bytes, &error));
    assert_string_equal(back, "ka\xEF\xBF\xBDlo\xEF\xBF\xBDmi");
    free(back);
    free(ids);
    ltm_tokenizer_close(tokenizer);
}

static void threads_may_share_a_tokenizer(void **state) {
    (void)state;
    struct ltm_tokenizer *tokenizer = open_model(make_tokenizer("shared.model", 400, true));
    struct words words = make_words(20000, 2);
    int32_t *expected;
    size_t count;
    int wrong = 0;
    assert_ok(ltm_tokenizer_encode(tokenizer, words.text, words.bytes, &expected, &count, &error));
#pragma omp parallel for num_threads(4) reduction(+ : wrong)
    for (int i = 0; i < 40; i++) {
        int32_t *ids = NULL;
        size_t found = 0;
        ltm_status status = ltm_tokenizer_encode(tokenizer, words.text, words.bytes, &ids, &found, NULL);
        wrong += status != LTM_OK || found != count || memcmp(ids, expected, count * sizeof *ids) != 0;
        free(ids);
    }
    assert_int_equal(wrong, 0);
    free(expected);
    free(words.text);
    ltm_tokenizer_close(tokenizer);
}

static void the_digest_tells_models_apart(void **state) {
    (void)state;
    struct ltm_tokenizer *a = open_model(make_tokenizer("a.model", 300, true));
    struct ltm_tokenizer *b = open_model(make_tokenizer("b.model", 301, true));
    char expected[17];
    assert_ok(checksum_file(expected, at("a.model"), &error));
    assert_string_equal(ltm_tokenizer_digest(a), expected);
    assert_string_not_equal(ltm_tokenizer_digest(a), ltm_tokenizer_digest(b));
    ltm_tokenizer_close(a);
    ltm_tokenizer_close(b);
    ltm_tokenizer_close(NULL);
}

static void assert_refused(const char *path, ltm_status expected, const char *part) {
    struct ltm_tokenizer *tokenizer;
    assert_int_equal(ltm_tokenizer_open(&tokenizer, path, &error), expected);
    assert_null(tokenizer);
    assert_says(path);
    assert_says(part);
}

static void models_that_do_not_serve_are_refused(void **state) {
    (void)state;
    ltm_tokenizer_close(open_model(make_model("hand.model", 0, true, true)));
    assert_refused(make_model("spaces.model", 0, true, false), LTM_UNSUPPORTED, "changes the text");
    assert_refused(make_model("endless.model", 0, false, true), LTM_UNSUPPORTED, "end-of-sequence");
    assert_refused(at("nowhere.model"), LTM_IO, "");
    assert_refused(put_text("empty.model", ""), LTM_CORRUPT, "empty");
    assert_refused(put_text("text.model", "this is no model, but a line of text\n"), LTM_CORRUPT, "not a valid");
}

/* The letters' model with one piece more, and what else a file may say. */
static const char *model_with(const char *piece, float score, int type, const char *more, size_t bytes) {
    struct words model = {0};
    model_piece(&model, "<unk>", 0, PIECE_UNKNOWN);
    model_piece(&model, "</s>", 0, PIECE_CONTROL);
    model_piece(&model, "a", -1, PIECE_NORMAL);
    model_piece(&model, "\xE2\x96\x81", -1, PIECE_NORMAL);
    if (piece) model_piece(&model, piece, score, (enum piece_type)type);
    model_end(&model, true);
    if (more) words_add(&model, more, bytes);
    const char *path = put("evil.model", model.text, model.bytes);
    free(model.text);
    return path;
}

/* SentencePiece itself trusts what it loads: each of these crashed it, misled it, or could. */
static void models_made_to_deceive_are_refused(void **state) {
    (void)state;
    static const char charsmap[] = "\x1A\x0C\x12\x0A\x04\x00\x00\x00\xff\xff\xff\xff"
                                   "ab";
    static const char /* normalizer_spec */
        word[] = "\x12\x02\x18\x03";
    static const char group[] = "\x0B\x0C";
    static const char cut[] = "\x0A\xff\xff\xff\xff\x0f"
                              "ab";
    ltm_tokenizer_close(open_model(model_with("b", -1, PIECE_NORMAL, NULL, 0)));
    ltm_tokenizer_close(
        open_model(model_with(NULL, 0, 0, "\x22\x04\x0A\x02\x0A\x00", 6))); /* a self-test: passed over */
    assert_refused(model_with("", -1, PIECE_NORMAL, NULL, 0), LTM_CORRUPT, "its piece 4 is empty");
    assert_refused(model_with("\xff", -1, PIECE_NORMAL, NULL, 0), LTM_CORRUPT, "its piece 4 is not UTF-8");
    assert_refused(model_with("b", -1, 7, NULL, 0), LTM_CORRUPT, "its piece 4 has an unknown type");
    assert_refused(model_with("x", -1, 6, NULL, 0), LTM_CORRUPT, "does not have the form <0x0A>");
    assert_refused(model_with("b", NAN, PIECE_NORMAL, NULL, 0), LTM_CORRUPT, "a score that is not finite");
    assert_refused(model_with("b", -INFINITY, PIECE_NORMAL, NULL, 0), LTM_CORRUPT, "a score that is not finite");
    assert_refused(model_with("a", -1, PIECE_NORMAL, NULL, 0), LTM_CORRUPT, "not a valid"); /* twice */
    assert_refused(model_with(NULL, 0, 0, charsmap, sizeof charsmap - 1), LTM_UNSUPPORTED, "normalises");
    assert_refused(model_with(NULL, 0, 0, word, 4), LTM_UNSUPPORTED, "neither a unigram nor a BPE");
    assert_refused(model_with(NULL, 0, 0, group, 2), LTM_CORRUPT, "not a valid");
    assert_refused(model_with(NULL, 0, 0, cut, sizeof cut - 1), LTM_CORRUPT, "not a valid");
    assert_refused(put("none.model", "\x12\x02\x18\x01", 4), LTM_CORRUPT, "contains no pieces");
}

/* No damage to a model's bytes may crash the program: it opens or is refused. */
static void damaged_models_are_refused_or_work(void **state) {
    (void)state;
    char *good;
    char *bytes;
    size_t size;
    assert_ok(file_read_text(&good, &size, make_tokenizer("good.model", 300, true), 1 << 20, &error));
    bytes = malloc(size);
    for (uint32_t i = 0; i < 300; i++) {
        memcpy(bytes, good, size);
        size_t length = size;
        if (i % 3 == 0)
            length = draw(seed, 2 * i) % size;
        else
            bytes[draw(seed, 2 * i) % size] ^= (char)(1 + draw(seed, 2 * i + 1) % 255);
        struct ltm_tokenizer *tokenizer;
        if (ltm_tokenizer_open(&tokenizer, put("damaged.model", bytes, length), &error) == LTM_OK) {
            int32_t *ids;
            size_t count;
            (void)ltm_tokenizer_encode(tokenizer, "ka lo\nmi \xE2\x82\xAC", 12, &ids, &count, &error);
            free(ids);
            ltm_tokenizer_close(tokenizer);
        }
    }
    free(good);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_text_comes_back),
        cmocka_unit_test(every_code_point_comes_back),
        cmocka_unit_test(very_long_lines_come_back),
        cmocka_unit_test(cutting_long_text_changes_no_token),
        cmocka_unit_test(a_newline_is_one_piece_and_words_are_pieces),
        cmocka_unit_test(ids_outside_the_vocabulary_are_refused),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(without_bytes_the_unknown_piece_stands_in),
        cmocka_unit_test(threads_may_share_a_tokenizer),
        cmocka_unit_test(the_digest_tells_models_apart),
        cmocka_unit_test(models_that_do_not_serve_are_refused),
        cmocka_unit_test(models_made_to_deceive_are_refused),
        cmocka_unit_test(damaged_models_are_refused_or_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
