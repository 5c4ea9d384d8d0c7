/* Inputs that people have: packed files, archives, pages, tables, other encodings. Each gives the text that went in, or is refused by
 * name. */
#include "text/fixture.h"

#include "text/archive_stream.h"
#include "text/documents.h"
#include "text/html_text.h"

#if LTM_ARCHIVE
#include <archive.h>
#include <archive_entry.h>
#endif

static char said[4096];

static void on_message(void *user, const char *message) {
    (void)user;
    const size_t used = strlen(said);
    snprintf(said + used, sizeof said - used, "%s\n", message);
}

/* All documents, each ended by '|'; NULL where they are refused. What is told goes to `said`. */
static char *read_input(const struct ltm_text_input *input) {
    const struct ltm_watch watch = {.message = on_message};
    struct documents *documents = NULL;
    struct words words = {0};
    struct text_block block;
    bool more = false;
    words_add(&words, "", 0);
    said[0] = 0;
    ltm_status status = documents_open(&documents, input, &error);
    while (status == LTM_OK && (status = documents_next(documents, &block, &more, &error)) == LTM_OK && more) {
        assert_true(block.bytes <= TEXT_BLOCK);
        words_add(&words, block.text, block.bytes);
        if (block.last) words_add(&words, "|", 1);
    }
    if (status == LTM_OK) {
        assert_int_equal(documents_done(documents), documents_size(documents));
        documents_tell_files(documents, &watch);
        documents_tell_bad(documents, &watch);
    }
    documents_close(documents);
    if (status == LTM_OK) return words.text;
    free(words.text);
    return NULL;
}

static void assert_reads(const struct ltm_text_input *input, const char *expected) {
    char *text = read_input(input);
    if (!text) fail_msg("%s", error.message);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_gives(const char *path, const char *expected) {
    const struct ltm_text_input input = {.paths = &path, .count = 1};
    assert_reads(&input, expected);
}

static void assert_refused(const struct ltm_text_input *input, const char *part) {
    char *text = read_input(input);
    if (text) fail_msg("%s was taken, and gave %.200s", input->paths[0], text);
    assert_says(input->paths[0]);
    assert_says(part);
}

static void pages_give_their_text(void **state) {
    (void)state;
    const char *path = put_text(
        "a.html",
        "<!DOCTYPE html><html><head><title>T</title><style>p {x: y}</style><script>if (a < b) f('<p>');</script>"
        "<body><h1>One &amp;\n  two</h1><p>caf&eacute; &#8364;<b>bold</b> and\n<i>more</i><br>line</p>"
        "<ul><li>a<li>b</ul><table><tr><td>1<td>2</table><pre>  kept\n   as is</pre><!-- no --> end");
    const struct ltm_text_input input = {.paths = &path, .count = 1};
    if (strcmp(html_text_library(), "none") == 0) {
        assert_refused(&input, "libxml2");
        return;
    }
    assert_gives(path, "One & two\n\ncaf\xC3\xA9 \xE2\x82\xAC"
                       "bold and more\nline\n\na\nb\n\n1 2\n\n  kept\n   as is\n\nend|");
    assert_gives(put_text("b.htm", "<html><script>only code</script>"), "");
    assert_gives(put_text("c.html", ""), "");
    assert_gives(put("d.html", "a\0b", 3), "ab|");
    path = put_text("e.html", "<p>\xE9");
    assert_refused(&input, "not UTF-8");
    const struct ltm_text_input raw = {.paths = &path, .count = 1, .as_text = ".html", .encoding = "latin-1"};
    assert_reads(&raw, "<p>\xC3\xA9|");
    struct words page = {0}; /* a long one comes in blocks */
    struct words text = {0};
    for (int i = 0; i < 60000; i++) {
        words_add(&page, "<p>x&lt;y  z</p>\n", 17);
        words_add(&text, i ? "\n\nx<y z" : "x<y z", i ? 7 : 5);
    }
    words_add(&text, "|", 1);
    assert_gives(put("f.html", page.text, page.bytes), text.text);
    free(page.text);
    free(text.text);
}

static void a_column_of_a_table_is_text(void **state) {
    (void)state;
    const char *path =
        put_text("a.csv", "id,text,n\r\n1,\"one, and\n\"\"two\"\"\",5\r\n\n2,three \"3\",6\n3,,7\n4,last,8");
    struct ltm_text_input input = {.paths = &path, .count = 1, .column = "text"};
    assert_reads(&input, "one, and\n\"two\"|three \"3\"|last|");
    input.column = "body";
    assert_refused(&input, "has no column \"body\"; its first line names id, text, n");
    input.column = NULL;
    assert_refused(&input, "--column");
    input.column = "text";
    path = put_text("a.tsv", "text\tid\nwith, comma\t1\n");
    assert_reads(&input, "with, comma|");
    path = put_text("b.csv", "id,text\n1,a\n2\n3,c\n");
    assert_refused(&input, "1 field");
    assert_says("line 3 of");
    input.on_bad = LTM_BAD_SKIP;
    assert_reads(&input, "a|c|");
    assert_non_null(strstr(said, "1 line"));
    input.on_bad = LTM_BAD_REFUSE;
    path = put_text("returns.csv", "id,text\n1,a\rb\n");
    assert_refused(&input, "line 2 of");
    path = put_text("only-returns.csv", "id,text\r1,a\r2,b\r");
    assert_refused(&input, "has a carriage return outside quotes");
    path = put_text("c.csv", "id,text\n1,\"open\n2,b\n");
    assert_refused(&input, "a quote is not closed");
    struct words table = {0}; /* rows that the window's ends cut */
    struct words text = {0};
    words_add(&table, "text\n", 5);
    for (int i = 0; i < 40000; i++) {
        words_add(&table, "\"a\n\"\"b,\"\n", 9);
        words_add(&text, "a\n\"b,|", 6);
    }
    path = put("d.csv", table.text, table.bytes);
    assert_reads(&input, text.text);
    free(table.text);
    free(text.text);
}

static void other_encodings_become_utf8(void **state) {
    (void)state;
    const char *path = put_text("l.txt", "caf\xE9\n");
    struct ltm_text_input input = {.paths = &path, .count = 1};
    assert_refused(&input, "name its encoding");
    input.encoding = "latin-1";
    assert_reads(&input, "caf\xC3\xA9\n|");
    path = put_text("m.txt", "\xEF\xBB\xBF"
                             "caf\xC3\xA9"); /* a mark is believed */
    assert_reads(&input, "caf\xC3\xA9|");
    input.encoding = "klingon";
    assert_null(read_input(&input));
    assert_says("no encoding \"klingon\"");
    input.encoding = NULL;
    path = put("u.txt",
               "\xFF\xFE"
               "a\0\xAC\x20\x3D\xD8\x00\xDE",
               10); /* UTF-16, little end first */
    assert_reads(&input, "a\xE2\x82\xAC\xF0\x9F\x98\x80|");
    assert_non_null(strstr(said, "1 file is converted"));
    path = put("u.txt", "\xFE\xFF\0a\0\n", 6);
    assert_reads(&input, "a\n|");
    path = put("u.txt",
               "\xFF\xFE"
               "a\0\x00\xD8"
               "b\0",
               8); /* half a pair */
    assert_refused(&input, "is not UTF-16 text");
    input.on_bad = LTM_BAD_REPLACE;
    assert_reads(&input, "a\xEF\xBF\xBD"
                         "b|");
    input.on_bad = LTM_BAD_REFUSE;
    path = put("u.txt",
               "\xFF\xFE"
               "a\0b",
               5);
    assert_refused(&input, "cut off");
    input.encoding = "utf-16le";
    path = put("u.txt", "a\0b\0", 4);
    assert_reads(&input, "ab|");
    struct words wide = {0}; /* more than is read at once */
    struct words text = {0};
    for (int i = 0; i < 300000; i++) {
        words_add(&wide, "\xAC\x20", 2);
        words_add(&text, "\xE2\x82\xAC", 3);
    }
    words_add(&text, "|", 1);
    path = put("w.txt", wide.text, wide.bytes);
    assert_reads(&input, text.text);
    free(wide.text);
    free(text.text);
}

static void what_is_not_read_says_why(void **state) {
    (void)state;
    const char *path = put_text("a.parquet", "PAR1");
    const struct ltm_text_input input = {.paths = &path, .count = 1};
    assert_refused(&input, "pandas.read_parquet");
    assert_gives(put_text("a.md", "# Title\n"), "# Title\n|");
    const char *stream = "-";
    const struct ltm_text_input copy = {
        .paths = &stream, .count = 1, .stdin_path = put_text("copy", "{\"text\": \"t\"}"), .stdin_name = "-.jsonl"};
    assert_reads(&copy, "t|");
}

#if LTM_ARCHIVE

struct member {
    const char *name, *text;
};

/* packing: what libarchive calls a filter; format "raw" = the first member alone. */
static const char *pack(const char *name, const char *format, const char *packing, const struct member *members,
                        int count) {
    const char *path = at(name);
    struct archive *archive = archive_write_new();
    assert_non_null(archive);
    if (packing) assert_int_equal(archive_write_add_filter_by_name(archive, packing), ARCHIVE_OK);
    assert_int_equal(archive_write_set_format_by_name(archive, format), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    for (int i = 0; i < count; i++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, members[i].name);
        archive_entry_set_filetype(entry, members[i].text ? AE_IFREG : AE_IFDIR);
        archive_entry_set_perm(entry, 0644);
        if (members[i].text) archive_entry_set_size(entry, (la_int64_t)strlen(members[i].text));
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        if (members[i].text)
            assert_int_equal(archive_write_data(archive, members[i].text, strlen(members[i].text)),
                             strlen(members[i].text));
        archive_entry_free(entry);
    }
    assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
    return path;
}

/* A part of the file, or the file with one byte changed. */
static const char *damage(const char *name, const char *path, size_t keep, size_t flip) {
    char *bytes;
    size_t count;
    assert_ok(file_read_text(&bytes, &count, path, 1 << 20, &error));
    if (flip < count) bytes[flip] ^= 0x55;
    const char *damaged = put(name, bytes, keep < count ? keep : count);
    free(bytes);
    return damaged;
}

static const struct member few[] = {{"folder/", NULL},
                                    {"folder/a.txt", "one\n"},
                                    {"folder/b.jsonl", "{\"text\": \"two\"}\n{\"text\": \"three\"}\n"},
                                    {"folder/.hidden.txt", "no"},
                                    {"folder/c.png", "no"},
                                    {"d.md", "four"}};

static void packed_files_are_unpacked(void **state) {
    static const char *const ways[][2] = {{"a.txt.zst", "zstd"}, {"a.txt.xz", "xz"}, {"a.txt.bz2", "bzip2"}};
    (void)state;
    struct words words = make_words(30000, 3);
    const struct member one = {"a.txt", words.text};
    const struct member empty = {"a.txt", ""};
    struct words whole = {0};
    words_add(&whole, words.text, words.bytes);
    words_add(&whole, "|", 1);
    for (int i = 0; i < 3; i++) {
        const char *path = pack(ways[i][0], "raw", ways[i][1], &one, 1);
        const struct ltm_text_input input = {.paths = &path, .count = 1};
        struct stat info;
        assert_reads(&input, whole.text);
        assert_int_equal(stat(path, &info), 0);
        for (size_t keep = 1; keep < (size_t)info.st_size; keep += (size_t)info.st_size / 7) { /* cut anywhere */
            path = damage("b.txt.zst", at(ways[i][0]), keep, SIZE_MAX);
            assert_refused(
                &input,
                keep < 10
                    ? ""
                    : "damaged"); /* too short to be known for packed, it is not UTF-8 or not what its name says */
        }
        path = damage("b.txt.zst", at(ways[i][0]), SIZE_MAX, (size_t)info.st_size / 2);
        if (i > 0) assert_refused(&input, ""); /* libarchive writes zstd without a checksum */
        path = pack(ways[i][0], "raw", ways[i][1], &empty, 1);
        assert_reads(&input, "");
    }
    const char *path = put_text("plain.txt.xz", "not packed at all");
    const struct ltm_text_input input = {.paths = &path, .count = 1};
    assert_refused(&input, "is not xz data, though its name ends in .xz");
    free(whole.text);
    free(words.text);
}

static void members_of_archives_are_read(void **state) {
    static const char *const ways[][3] = {{"a.tar", "pax", NULL},    {"a.tar.gz", "ustar", "gzip"},
                                          {"a.tgz", "pax", "gzip"},  {"a.tar.zst", "pax", "zstd"},
                                          {"a.txz", "gnutar", "xz"}, {"a.tar.bz2", "pax", "bzip2"},
                                          {"a.zip", "zip", NULL}};
    (void)state;
    for (int i = 0; i < 7; i++) {
        const char *path = pack(ways[i][0], ways[i][1], ways[i][2], few, 6);
        assert_gives(path, "one\n|two|three|four|");
        assert_non_null(strstr(said, "1 file in archives is left out"));
    }
}

static void damaged_archives_are_refused(void **state) {
    static const struct member bad[] = {{"a.txt", "fine"}, {"b.txt", "\xE9"}};
    (void)state;
    const char *path = pack("bad.tar", "ustar", NULL, bad, 2);
    struct ltm_text_input input = {.paths = &path, .count = 1};
    assert_refused(&input, "bad.tar/b.txt is not UTF-8");
    input.encoding = "latin-1";
    assert_reads(&input, "fine|\xC3\xA9|");
    input.encoding = NULL;
    input.on_bad = LTM_BAD_SKIP;
    assert_reads(&input, "");
    assert_non_null(strstr(said, "1 file and 0 lines are left out"));
    input.on_bad = LTM_BAD_REPLACE;
    assert_reads(&input, "fine|\xEF\xBF\xBD|");
    input.on_bad = LTM_BAD_REFUSE;
    path = put_text("none.tar", "this is no archive of any kind");
    assert_refused(&input, "damaged");
    pack("a.zip", "zip", NULL, few, 6);
    path = damage("cut.zip", at("a.zip"), 60, SIZE_MAX);
    assert_refused(&input, "damaged");
    pack("a.tgz", "pax", "gzip", few, 6);
    struct stat info;
    assert_int_equal(stat(at("a.tgz"), &info), 0);
    path = damage("cut.tgz", at("a.tgz"), (size_t)info.st_size - 4, SIZE_MAX); /* within gzip's own end */
    assert_refused(&input, "it ends too early");
    path = damage("sum.tgz", at("a.tgz"), SIZE_MAX, (size_t)info.st_size - 6); /* its checksum */
    assert_refused(&input, "damaged");
}

#else

static void packed_files_are_unpacked(void **state) {
    (void)state;
    const char *path = put("a.txt.zst", "\x28\xB5\x2F\xFD and more bytes", 20);
    const struct ltm_text_input input = {.paths = &path, .count = 1};
    assert_refused(&input, "libarchive-dev");
}

static void members_of_archives_are_read(void **state) {
    (void)state;
    const char *path = put_text("a.zip", "PK");
    const struct ltm_text_input input = {.paths = &path, .count = 1};
    assert_refused(&input, "libarchive-dev");
}

static void damaged_archives_are_refused(void **state) { (void)state; }

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_give_their_text),        cmocka_unit_test(a_column_of_a_table_is_text),
        cmocka_unit_test(other_encodings_become_utf8),  cmocka_unit_test(what_is_not_read_says_why),
        cmocka_unit_test(packed_files_are_unpacked),    cmocka_unit_test(members_of_archives_are_read),
        cmocka_unit_test(damaged_archives_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
