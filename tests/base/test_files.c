/* Files: a reader sees the old or the new, whole, also when the disk is full. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/error.h"
#include "support/files.h"

#include "base/files.h"

static const char *at(const char *name) { return test_path("%s", name); }

static void assert_text(const char *path, const char *expected) {
    char *text;
    size_t bytes;
    assert_int_equal(file_read_text(&text, &bytes, path, 1 << 20, &error), LTM_OK);
    assert_string_equal(text, expected);
    assert_int_equal(bytes, strlen(expected));
    free(text);
}

static size_t names_in(const char *path) {
    char **names;
    size_t count;
    assert_int_equal(folder_list(&names, &count, path, &error), LTM_OK);
    folder_list_free(names, count);
    return count;
}

static void text_survives_a_round_trip(void **state) {
    (void)state;
    assert_int_equal(file_write_text(at("a"), "one\n", &error), LTM_OK);
    assert_int_equal(file_write_text(at("a"), "two\n", &error), LTM_OK);
    assert_text(at("a"), "two\n");
    assert_int_equal(file_write_text(at("empty"), "", &error), LTM_OK);
    assert_text(at("empty"), "");
    assert_int_equal(file_copy(at("a"), at("b"), &error), LTM_OK);
    assert_text(at("b"), "two\n");
    assert_int_equal(file_copy(at("empty"), at("b"), &error), LTM_OK);
    assert_text(at("b"), "");
    struct stat info;
    mode_t mask = umask(022);
    umask(mask);
    assert_int_equal(stat(at("a"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0666 & ~mask);
}

static void reading_refuses_what_is_no_file(void **state) {
    (void)state;
    char *text;
    size_t bytes;
    struct file_map map;
    assert_int_equal(file_read_text(&text, &bytes, at("missing"), 10, &error), LTM_IO);
    assert_says("missing: No such file");
    assert_null(text);
    assert_int_equal(file_read_text(&text, &bytes, test_folder(), 10, &error), LTM_IO);
    assert_says("a folder");
    assert_int_equal(file_map(&map, "/dev/null", &error), LTM_IO);
    assert_int_equal(file_write_text(at("long"), "12345678901", &error), LTM_OK);
    assert_int_equal(file_read_text(&text, &bytes, at("long"), 10, &error), LTM_INVALID);
    assert_says("11 bytes");
    assert_int_equal(file_read_text(&text, &bytes, at("long"), 11, &error), LTM_OK);
    free(text);
    assert_int_equal(file_write_text(at("empty"), "", &error), LTM_OK);
    assert_int_equal(file_map(&map, at("empty"), &error), LTM_OK);
    assert_null(map.data);
    file_unmap(&map);
}

static void writing_refuses_devices_and_folders(void **state) {
    (void)state;
    char path[2000];
    assert_int_equal(file_write_text("/dev/null", "x", &error), LTM_IO);
    struct stat info;
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    assert_int_equal(file_write_text(test_folder(), "x", &error), LTM_IO);
    assert_says("a folder");
    assert_int_equal(file_write_text("/dev/null/folder/x", "x", &error), LTM_IO);
    assert_ok(file_write_text(at("no/such/folder"), "x", &error)); /* folders are made */
    assert_int_equal(file_write_text("", "x", &error), LTM_INVALID);
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    assert_int_equal(file_write_text(path, "x", &error), LTM_INVALID);
}

static void a_discarded_draft_leaves_the_old_file(void **state) {
    (void)state;
    struct file_draft draft;
    assert_int_equal(folder_create(at("drafts"), &error), LTM_OK);
    assert_int_equal(file_write_text(at("drafts/f"), "old", &error), LTM_OK);
    assert_int_equal(file_create(&draft, at("drafts/f"), &error), LTM_OK);
    assert_int_equal(file_write(&draft, "new", 3, &error), LTM_OK);
    assert_int_equal(names_in(at("drafts")), 2);
    file_discard(&draft);
    assert_text(at("drafts/f"), "old");
    assert_int_equal(names_in(at("drafts")), 1);
}

/* A limit on the size of files fails writes as a full disk does. */
static void a_full_disk_leaves_the_old_file(void **state) {
    (void)state;
    enum { LIMIT = 64 << 10, MUCH = 4 * LIMIT };
    char *much = calloc(1, MUCH);
    struct rlimit before;
    struct rlimit small;
    assert_non_null(much);
    assert_int_equal(folder_create(at("full"), &error), LTM_OK);
    assert_int_equal(file_write_text(at("full/f"), "old", &error), LTM_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){LIMIT, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    memset(much, 'x', MUCH - 1);
    assert_int_equal(file_write_text(at("full/f"), much, &error), LTM_IO);
    assert_says("full/f: File too large");

    /* The same where the caller writes to the stream and looks at nothing. */
    struct file_draft draft;
    assert_int_equal(file_create(&draft, at("full/f"), &error), LTM_OK);
    for (int i = 0; i < MUCH; i++) fputc('y', draft.stream);
    assert_int_equal(file_commit(&draft, &error), LTM_IO);
    assert_says("full/f: File too large");

    /* And where nothing is left in the stream that could fail once more. */
    assert_int_equal(file_create(&draft, at("full/f"), &error), LTM_OK);
    fwrite(much, 1, MUCH, draft.stream);
    assert_int_equal(file_commit(&draft, &error), LTM_IO);
    assert_says("full/f: File too large");
    setrlimit(RLIMIT_FSIZE, &before);
    free(much);
    assert_text(at("full/f"), "old");
    assert_int_equal(names_in(at("full")), 1);
}

static void folders_come_and_go(void **state) {
    (void)state;
    assert_int_equal(folder_create(at("x/y//z/"), &error), LTM_OK);
    assert_int_equal(folder_create(at("x/y/z"), &error), LTM_OK);
    assert_true(folder_exists(at("x/y/z")));
    assert_false(folder_exists(at("x/y/w")));
    assert_int_equal(file_write_text(at("x/file"), "f", &error), LTM_OK);
    assert_true(file_exists(at("x/file")));
    assert_false(file_exists(at("x/y")));
    assert_int_equal(folder_create(at("x/file/below"), &error), LTM_IO);
    assert_says("x/file is a file");
    assert_int_equal(folder_sync(at("x"), &error), LTM_OK);
    assert_int_equal(folder_sync(at("nowhere"), &error), LTM_IO);

    /* A link to a folder goes, what it points at stays. */
    assert_int_equal(folder_create(at("kept"), &error), LTM_OK);
    assert_int_equal(file_write_text(at("kept/f"), "f", &error), LTM_OK);
    assert_int_equal(symlink(at("kept"), at("x/link")), 0);
    char **names;
    size_t count;
    assert_int_equal(folder_list(&names, &count, at("x"), &error), LTM_OK);
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "file");
    assert_string_equal(names[1], "link");
    assert_string_equal(names[2], "y");
    folder_list_free(names, count);
    assert_int_equal(folder_remove(at("x"), &error), LTM_OK);
    assert_int_equal(folder_remove(at("x"), &error), LTM_OK);
    assert_text(at("kept/f"), "f");
    assert_int_equal(folder_remove(at("kept/f"), &error), LTM_IO);
    assert_int_equal(folder_list(&names, &count, at("x"), &error), LTM_IO);
}

static void paths_join_or_do_not_fit(void **state) {
    (void)state;
    char out[8];
    assert_int_equal(path_join(out, sizeof out, "abc", "def", &error), LTM_OK);
    assert_string_equal(out, "abc/def");
    assert_int_equal(path_join(out, sizeof out, "abc/", "def", &error), LTM_OK);
    assert_string_equal(out, "abc/def");
    assert_int_equal(path_join(out, sizeof out, "", "def", &error), LTM_OK);
    assert_string_equal(out, "def");
    assert_int_equal(path_join(out, sizeof out, "abcd", "def", &error), LTM_INVALID);
}

/* CRC-32 check value cbf43926 of "123456789" (ISO 3309); Adler-32 091e01de. */
static void checksums_are_crc32_and_adler32(void **state) {
    (void)state;
    char hex[17];
    checksum_hex(hex, "123456789", 9);
    assert_string_equal(hex, "cbf43926091e01de");
    checksum_hex(hex, NULL, 0);
    assert_string_equal(hex, "0000000000000001");
    assert_int_equal(file_write_text(at("sum"), "123456789", &error), LTM_OK);
    assert_int_equal(checksum_file(hex, at("sum"), &error), LTM_OK);
    assert_string_equal(hex, "cbf43926091e01de");
    assert_int_equal(checksum_file(hex, at("no sum"), &error), LTM_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_survives_a_round_trip),
        cmocka_unit_test(reading_refuses_what_is_no_file),
        cmocka_unit_test(writing_refuses_devices_and_folders),
        cmocka_unit_test(a_discarded_draft_leaves_the_old_file),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(folders_come_and_go),
        cmocka_unit_test(paths_join_or_do_not_fit),
        cmocka_unit_test(checksums_are_crc32_and_adler32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
