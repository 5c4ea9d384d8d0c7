/* Documents: what lies between separators, in lines of JSON, in files and folders, in pieces that fit in memory. */
#include "text/fixture.h"

#include "text/documents.h"

/* All documents of an input, each ended by '|'; blocks counted. */
static char *read_paths(const char *const *paths, size_t count, const char *separator, const char *field, int *blocks) {
    struct ltm_text_input input = {.paths = paths, .count = count, .separator = separator, .field = field};
    struct documents *documents = NULL;
    struct words words = {0};
    struct text_block block;
    int64_t document = 0;
    bool more = false;
    int found = 0;
    words_add(&words, "", 0);
    ltm_status status = documents_open(&documents, &input, &error);
    while (status == LTM_OK && (status = documents_next(documents, &block, &more, &error)) == LTM_OK && more) {
        assert_int_equal(block.document, document);
        assert_true(block.bytes <= TEXT_BLOCK);
        words_add(&words, block.text, block.bytes);
        if (block.last) words_add(&words, "|", 1);
        document += block.last;
        found++;
    }
    if (status == LTM_OK) assert_int_equal(documents_done(documents), documents_size(documents));
    documents_close(documents);
    if (blocks) *blocks = found;
    if (status == LTM_OK) return words.text;
    free(words.text);
    return NULL;
}

static void assert_documents(const char *path, const char *separator, const char *expected) {
    char *text = read_paths(&path, 1, separator, NULL, NULL);
    if (!text) fail_msg("%s", error.message);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_refused(const char *path, const char *part) {
    char *text = read_paths(&path, 1, NULL, NULL, NULL);
    free(text);
    if (text) fail_msg("%s was taken", path);
    assert_says(path);
    assert_says(part);
}

static void a_text_file_is_a_document(void **state) {
    (void)state;
    assert_documents(put_text("a.txt", "one\n\ntwo\r\n"), NULL, "one\n\ntwo\r\n|");
    assert_documents(put_text("a.txt", "no newline at the end"), NULL, "no newline at the end|");
    assert_documents(put_text("a.txt", "\xEF\xBB\xBFmarked \xEF\xBB\xBF"), NULL, "marked \xEF\xBB\xBF|");
    assert_documents(put_text("a.txt", "\xEF\xBB\xBF"), NULL, "");
    assert_documents(put_text("a.txt", ""), NULL, "");
    assert_documents(put_gzip("a.txt.gz", "packed\n", 7), NULL, "packed\n|");
}

static void separator_lines_end_documents(void **state) {
    (void)state;
    assert_documents(put_text("b.txt", "one\ntwo\n%%\nthree\n%%\n"), "%%", "one\ntwo|three|");
    assert_documents(put_text("b.txt", "%%\n%%\none\n%%"), "%%", "one|");
    assert_documents(put_text("b.txt", "one %%\n%% two\n %%\n%%%\nthree"), "%%", "one %%\n%% two\n %%\n%%%\nthree|");
    assert_documents(put_text("b.txt", "one\r\n%%\r\ntwo\r\n"), "%%", "one|two|");
    assert_documents(put_text("b.txt", "one\n\n\ntwo\nthree\n\n"), "", "one|two\nthree|"); /* an empty line */
    assert_documents(put_text("b.txt", "\n\none"), "%%", "\n\none|");
}

static void separators_are_found_wherever_blocks_end(void **state) {
    (void)state;
    for (int before = TEXT_BLOCK - 8; before <= TEXT_BLOCK + 8; before++) {
        struct words words = {0};
        struct words expected = {0};
        for (int i = 0; i < before; i++) words_add(&words, i % 7 ? "x" : "\n", 1);
        words_add(&expected, words.text, words.bytes);
        words_add(&words, "\n<|end|>\nsecond\n", 16);
        words_add(&expected, "|second|", 8);
        assert_documents(put("c.txt", words.text, words.bytes), "<|end|>", expected.text);
        free(words.text);
        free(expected.text);
    }
}

static void large_documents_come_in_blocks_and_whole(void **state) {
    static const char *const units[] = {"word \xE2\x82\xAC and more\n", "words without a newline ",
                                        "solid\xF0\x9F\x98\x80"};
    (void)state;
    for (int which = 0; which < 3; which++) {
        struct words words = {0};
        while (words.bytes < 5 * TEXT_BLOCK / 2) words_add(&words, units[which], strlen(units[which]));
        const char *path = put_gzip("d.txt.gz", words.text, words.bytes);
        int blocks = 0;
        char *text = read_paths(&path, 1, which == 1 ? "%%" : NULL, NULL, &blocks);
        assert_non_null(text);
        assert_true(blocks >= 3);
        words_add(&words, "|", 1);
        assert_string_equal(text, words.text);
        free(text);
        free(words.text);
    }
}

static void a_line_of_json_is_a_document(void **state) {
    (void)state;
    assert_documents(put_text("e.jsonl", "{\"text\": \"one\\nline \\u20ac\"}\n\n  \r\n{\"id\": 3, \"text\": \"two\"}"),
                     NULL, "one\nline \xE2\x82\xAC|two|");
    assert_documents(put_text("e.jsonl", "{\"text\": \"\"}\r\n{\"text\": \"x\"}\r\n"), NULL, "x|");
    assert_documents(put_gzip("e.jsonl.gz", "{\"text\":\"p\"}\n", 13), NULL, "p|");
    const char *path = put_text("e.jsonl", "{\"body\": \"one\", \"text\": 5}\n");
    char *text = read_paths(&path, 1, NULL, "body", NULL);
    assert_string_equal(text, "one|");
    free(text);
    assert_refused(path, "line 1");
    assert_says("has no string");
    assert_refused(put_text("e.jsonl", "{\"text\": \"a\"}\n{\"other\": 1}\n"), "line 2");
    assert_says("has no key");
    assert_refused(put_text("e.jsonl", "\n[1]\n"), "is not a JSON object");
    assert_says("line 2");
    assert_refused(put_text("e.jsonl", "{\"text\": \n"), "is not JSON");
    assert_refused(put_text("e.jsonl", "{\"text\": \"a\", \"text\": \"b\"}\n"), "duplicate object key");
}

static void message_of(void *user, const char *line) { snprintf(user, 1024, "%s", line); }

static char *read_anyway(const char *path, enum ltm_on_bad on_bad, char said[1024]) {
    struct ltm_text_input input = {.paths = &path, .count = 1, .on_bad = on_bad};
    struct documents *documents;
    struct words words = {0};
    struct text_block block;
    bool more;
    const struct ltm_watch watch = {.user = said, .message = message_of};
    said[0] = 0;
    words_add(&words, "", 0);
    assert_ok(documents_open(&documents, &input, &error));
    for (;;) {
        assert_ok(documents_next(documents, &block, &more, &error));
        if (!more) break;
        words_add(&words, block.text, block.bytes);
        if (block.last) words_add(&words, "|", 1);
    }
    assert_int_equal(documents_done(documents), documents_size(documents));
    documents_tell_bad(documents, &watch);
    documents_close(documents);
    return words.text;
}

static void assert_anyway(const char *path, enum ltm_on_bad on_bad, const char *expected, const char *part) {
    char said[1024];
    char *text = read_anyway(path, on_bad, said);
    assert_string_equal(text, expected);
    if (!strstr(said, part)) fail_msg("%s", said);
    free(text);
}

/* Only on demand: by default it is refused. */
static void damaged_text_is_left_out_or_mended(void **state) {
    (void)state;
    const char *path = put_text("n.jsonl", "{\"text\": \"one\"}\nnot JSON\n{\"text\": \"a\xFFz\"}\n{\"other\": 1}\n"
                                           "{\"text\": \"two\"}\n");
    assert_anyway(path, LTM_BAD_SKIP, "one|two|", "0 files and 3 lines are left out: line 2 of ");
    assert_anyway(path, LTM_BAD_REPLACE, "one|a\xEF\xBF\xBDz|two|", "1 byte that is not UTF-8 is replaced");
    path = put_text("n.txt", "\xFFgood \xC3\xA9\x80\x80 and cut \xE2\x82");
    assert_anyway(path, LTM_BAD_SKIP, "", "1 file and 0 lines are left out: ");
    assert_anyway(path, LTM_BAD_REPLACE,
                  "\xEF\xBF\xBDgood \xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD and cut \xEF\xBF\xBD\xEF\xBF\xBD|",
                  "5 bytes that are not UTF-8 are replaced");
    put_gzip("n.txt.gz", "packed text", 11);
    char *bytes;
    size_t size;
    assert_ok(file_read_text(&bytes, &size, at("n.txt.gz"), 1000, &error));
    path = put("n.txt.gz", bytes, size - 3);
    free(bytes);
    assert_anyway(path, LTM_BAD_SKIP, "", "1 file and 0 lines are left out: ");
    assert_anyway(path, LTM_BAD_REPLACE, "", "1 file and 0 lines are left out: ");
}

/* Mended text does not depend on where it was cut for reading. */
static void much_bad_text_is_mended(void **state) {
    (void)state;
    struct words words = {0};
    struct words expected = {0};
    for (int i = 0; i < 700000; i++) {
        const bool bad = draw(3, (uint32_t)i) % 3 == 0;
        words_add(&words, bad ? "\xE9" : i % 50 ? "a" : "\n", 1);
        words_add(&expected, bad ? "\xEF\xBF\xBD" : i % 50 ? "a" : "\n", bad ? 3 : 1);
    }
    words_add(&expected, "|", 1);
    assert_anyway(put("m.txt", words.text, words.bytes), LTM_BAD_REPLACE, expected.text, "replaced");
    free(words.text);
    free(expected.text);
}

static void a_json_document_larger_than_a_block_is_whole(void **state) {
    (void)state;
    struct words line = {0};
    struct words expected = {0};
    words_add(&line, "{\"text\": \"", 10);
    while (expected.bytes < 3 * TEXT_BLOCK) {
        words_add(&line, "some words\\n", 12);
        words_add(&expected, "some words\n", 11);
    }
    words_add(&line, "\"}\n{\"text\": \"next\"}\n", 20);
    words_add(&expected, "|next|", 6);
    assert_documents(put("f.jsonl", line.text, line.bytes), NULL, expected.text);
    free(line.text);
    free(expected.text);
}

static void nul_characters_stay(void **state) {
    (void)state;
    const char *path = put_text("g.jsonl", "{\"text\": \"a\\u0000b\"}\n");
    struct ltm_text_input input = {.paths = &path, .count = 1};
    struct documents *documents;
    struct text_block block;
    bool more;
    assert_ok(documents_open(&documents, &input, &error));
    assert_ok(documents_next(documents, &block, &more, &error));
    assert_int_equal(block.bytes, 3);
    assert_memory_equal(block.text, "a\0b", 3);
    documents_close(documents);
}

static void folders_are_read_in_order_of_name(void **state) {
    (void)state;
    assert_ok(folder_create(at("tree/b/deep"), &error));
    put_text("tree/c.txt", "c");
    put_text("tree/b/x.txt", "bx");
    put_text("tree/b/deep/y.jsonl", "{\"text\": \"deep\"}\n");
    put_gzip("tree/a.txt.gz", "a", 1);
    put_text("tree/notes.pdf", "\xFF\xFE");
    const char *paths[] = {at("tree"), at("tree/b/x.txt")};
    char *text = read_paths(paths, 2, NULL, NULL, NULL);
    assert_non_null(text);
    assert_string_equal(text, "a|deep|bx|c|"); /* x.txt was there already */
    free(text);
}

/* Text that is trained on must not be held out because it goes by two names. */
static void keep_line(void *user, const char *line) { snprintf(user, 200, "%s", line); }

static void hidden_files_are_no_text_and_others_are_named(void **state) {
    (void)state;
    char said[200] = "";
    struct ltm_watch watch = {.user = said, .message = keep_line};
    struct documents *documents;
    assert_ok(folder_create(at("notes"), &error));
    assert_ok(folder_create(at("notes/.ipynb_checkpoints"), &error));
    put_text("notes/a.txt", "text");
    put_text("notes/._a.txt", "\377");
    put_text("notes/.ipynb_checkpoints/a-checkpoint.txt", "text");
    const char *path = at("notes");
    struct ltm_text_input input = {.paths = &path, .count = 1};
    int blocks;
    for (int others = 0; others < 3; others++) {
        if (others > 0) put_text(others == 1 ? "notes/b.c" : "notes/c.parquet", "text");
        char *text = read_paths(&path, 1, NULL, NULL, &blocks);
        assert_string_equal(text, "text|");
        free(text);
        assert_ok(documents_open(&documents, &input, &error));
        documents_tell_files(documents, &watch);
        documents_close(documents);
        if (others == 0) assert_string_equal(said, "");
        if (others == 1) assert_non_null(strstr(said, "notes/b.c is left out"));
        if (others == 2) assert_non_null(strstr(said, "notes/b.c and 1 more are left out"));
    }
    path = at("notes/.ipynb_checkpoints/a-checkpoint.txt"); /* named by the user, it is read */
    char *text = read_paths(&path, 1, NULL, NULL, &blocks);
    assert_string_equal(text, "text|");
    free(text);
}

static void a_file_is_read_once(void **state) {
    (void)state;
    char line[1024] = "";
    char expected[1024];
    const struct ltm_watch watch = {.user = line, .message = message_of};
    struct documents *documents;
    assert_ok(folder_create(at("twice/b"), &error));
    put_text("twice/a.txt", "a");
    put_text("twice/b/x.txt", "bx");
    assert_int_equal(symlink("b", at("twice/c")), 0);
    assert_int_equal(link(at("twice/a.txt"), at("twice/z.txt")), 0);
    const char *paths[] = {at("twice/b/x.txt"), at("twice"), at("twice/a.txt")};
    char *text = read_paths(paths, 3, NULL, NULL, NULL);
    assert_non_null(text);
    assert_string_equal(text, "bx|a|");
    free(text);
    const struct ltm_text_input input = {.paths = paths, .count = 3};
    assert_ok(documents_open(&documents, &input, &error));
    assert_int_equal(documents_size(documents), 3);
    documents_tell_files(documents, &watch);
    snprintf(expected, sizeof expected, "each file is read once: %s is named again, and 3 more", at("twice/b/x.txt"));
    assert_string_equal(line, expected);
    documents_close(documents);
}

static void a_folder_within_itself_is_refused(void **state) {
    (void)state;
    assert_ok(folder_create(at("round/b"), &error));
    put_text("round/a.txt", "a");
    assert_int_equal(symlink("..", at("round/b/back")), 0);
    assert_refused(at("round"), "round/b/back links back to ");
    assert_int_equal(unlink(at("round/b/back")), 0);
    assert_int_equal(symlink("nowhere", at("round/b/dead")), 0); /* and is no text */
    const char *path = at("round");
    char *text = read_paths(&path, 1, NULL, NULL, NULL);
    assert_non_null(text);
    assert_string_equal(text, "a|");
    free(text);
}

/* A file of `parts`, one behind the other; each is that many bytes of what gzip makes of `text`, or as it is where that is NULL. */
struct part {
    const char *text, *plain;
    size_t bytes;
};

static const char *put_parts(const char *name, const struct part *parts, int count) {
    struct words all = {0};
    for (int i = 0; i < count; i++) {
        if (!parts[i].text) {
            words_add(&all, parts[i].plain, parts[i].bytes);
            continue;
        }
        struct file_map packed;
        assert_ok(file_map(&packed, put_gzip("part.gz", parts[i].text, strlen(parts[i].text)), &error));
        words_add(&all, (const char *)packed.data, packed.size);
        file_unmap(&packed);
    }
    const char *path = put(name, all.text, all.bytes);
    free(all.text);
    return path;
}

static void gzip_members_follow_one_another_and_nothing_else(void **state) {
    (void)state;
    static char zeros[600000];
    const struct part one = {.text = "one "};
    const struct part two = {.text = "two"};
    const struct part none = {.text = ""};
    const struct part padding = {NULL, zeros, sizeof zeros};
    const struct part junk = {NULL, "junk", 4};
    const struct part half = {NULL, "\x1f", 1};
    const struct part begun = {NULL, "\x1f\x8b\x08", 3};
    assert_documents(put_parts("p.txt.gz", (struct part[]){one, none, two}, 3), NULL, "one two|");
    assert_documents(put_parts("p.txt.gz", (struct part[]){one, two, padding}, 3), NULL, "one two|");
    assert_documents(put_parts("p.txt", (struct part[]){one, two}, 2), NULL, "one two|"); /* packed by another name */
    assert_documents(put_parts("p.txt.gz", (struct part[]){none}, 1), NULL, "");
    const char *path = put_parts("p.txt.gz", (struct part[]){one, junk}, 2);
    assert_refused(path, "damaged: other data follows the compressed data, at byte 24 of it");
    assert_refused(put_parts("p.txt.gz", (struct part[]){one, half}, 2), "other data follows the compressed data");
    assert_refused(put_parts("p.txt.gz", (struct part[]){one, begun}, 2), "it ends too early");
    assert_refused(put_parts("p.txt.gz", (struct part[]){one, padding, junk}, 3), "at byte 600024 of it");
    assert_refused(put_parts("p.txt.gz", (struct part[]){one, padding, two}, 3),
                   "other data follows the compressed data");
}

static void bad_utf8_is_named_by_file_and_byte(void **state) {
    (void)state;
    assert_refused(put("h.txt", "abc\xFF", 4), "byte 3 is 0xFF");
    assert_refused(put("h.txt",
                       "\xEF\xBB\xBF"
                       "abc\xC0\x80",
                       8),
                   "byte 6 is 0xC0");
    assert_refused(put("h.txt", "cut \xE2\x82", 6), "byte 4 is 0xE2");
    assert_refused(put("h.jsonl", "{\"text\": \"a\"}\n\xFF\n", 16), "byte 14 is 0xFF");
    assert_refused(put_gzip("h.txt.gz", "12345\x80", 6), "byte 5 of its unpacked text is 0x80");
    struct words words = {0};
    while (words.bytes < 3 * TEXT_BLOCK) words_add(&words, "some text\n", 10);
    words.text[700001] = (char)0x80;
    assert_refused(put("h.txt", words.text, words.bytes), "byte 700001 is 0x80");
    free(words.text);
}

/* `times` letters packed again and again, as members of one file. */
static const char *put_bomb(const char *name, size_t times) {
    char *text = malloc(1 << 20);
    assert_non_null(text);
    memset(text, 'a', 1 << 20);
    const char *path = at(name);
    gzFile file = gzopen(path, "wb9");
    assert_non_null(file);
    for (size_t i = 0; i < times >> 20; i++) assert_int_equal(gzwrite(file, text, 1 << 20), 1 << 20);
    assert_int_equal(gzclose(file), Z_OK);
    free(text);
    return path;
}

static void a_file_that_unpacks_to_far_more_than_text_does_is_refused(void **state) {
    (void)state;
    const char *path = put_bomb("small.txt.gz", 4 << 20);
    int blocks;
    char *text = read_paths(&path, 1, NULL, NULL, &blocks);
    if (!text) fail_msg("%s", error.message);
    free(text);
    assert_refused(put_bomb("bomb.txt.gz", 80 << 20), "unpacks to more than 200 times its size");
    assert_says("gunzip");
}

static void a_line_of_json_has_its_bounds(void **state) {
    (void)state;
    struct words line = {0};
    words_add(&line, "{\"text\": [0", 11);
    while (line.bytes < (4 << 20)) words_add(&line, ",[],[],[],[],[],[],[],[]", 24);
    words_add(&line, "]}\n", 3);
    assert_refused(put("many.jsonl", line.text, line.bytes), "line 1 of ");
    assert_says("more than 1048576 values");
    line.bytes = 0;
    for (int i = 0; i < 100000; i++) words_add(&line, "[", 1);
    assert_refused(put("deep.jsonl", line.text, line.bytes), "maximum parsing depth reached");
    free(line.text);
}

static void what_cannot_be_read_is_named(void **state) {
    (void)state;
    assert_refused(at("nowhere.txt"), "No such file");
    assert_refused(put_text("i.pdf", "x"), ".jsonl");
    assert_refused(put_text("i.txt.gz", "not packed at all"), "not gzip");
    assert_ok(folder_create(at("hollow"), &error));
    assert_refused(at("hollow"), "contains no");
    struct words words = make_words(300000, 1);
    const char *path = put_gzip("i.txt.gz", words.text, words.bytes);
    assert_int_equal(truncate(path, 20000), 0);
    assert_refused(path, "damaged");
    FILE *file = fopen(path, "wb"); /* bytes changed within */
    assert_non_null(file);
    fclose(file);
    put_gzip("i.txt.gz", words.text, words.bytes);
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 30000, SEEK_SET), 0);
    assert_int_equal(fwrite("????????", 1, 8, file), 8);
    fclose(file);
    assert_refused(path, path);
    free(words.text);
    if (geteuid() != 0) { /* root reads everything */
        path = put_text("locked.txt", "x");
        assert_int_equal(chmod(path, 0), 0);
        assert_refused(path, "Permission denied");
    }
    struct ltm_text_input none = {0};
    struct documents *documents;
    assert_int_equal(documents_open(&documents, &none, &error), LTM_INVALID);
    struct ltm_text_input two_lines = {.paths = &path, .count = 1, .separator = "a\nb"};
    assert_int_equal(documents_open(&documents, &two_lines, &error), LTM_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_file_is_a_document),
        cmocka_unit_test(separator_lines_end_documents),
        cmocka_unit_test(separators_are_found_wherever_blocks_end),
        cmocka_unit_test(large_documents_come_in_blocks_and_whole),
        cmocka_unit_test(a_line_of_json_is_a_document),
        cmocka_unit_test(damaged_text_is_left_out_or_mended),
        cmocka_unit_test(much_bad_text_is_mended),
        cmocka_unit_test(a_json_document_larger_than_a_block_is_whole),
        cmocka_unit_test(nul_characters_stay),
        cmocka_unit_test(folders_are_read_in_order_of_name),
        cmocka_unit_test(hidden_files_are_no_text_and_others_are_named),
        cmocka_unit_test(a_file_is_read_once),
        cmocka_unit_test(a_folder_within_itself_is_refused),
        cmocka_unit_test(gzip_members_follow_one_another_and_nothing_else),
        cmocka_unit_test(bad_utf8_is_named_by_file_and_byte),
        cmocka_unit_test(a_file_that_unpacks_to_far_more_than_text_does_is_refused),
        cmocka_unit_test(a_line_of_json_has_its_bounds),
        cmocka_unit_test(what_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
