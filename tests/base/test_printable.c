/* What is shown of text that may be anybody's; messages of errors show it so. */
#include "support/unit.h"

#include "base/error.h"
#include "ltm/printable.h"

static void assert_shown(const char *text, const char *expected) {
    char out[200];
    assert_string_equal(ltm_printable(out, sizeof out, text), expected);
}

static void plain_text_stays(void **state) {
    (void)state;
    assert_shown("", "");
    assert_shown("plain, \"quoted\" \\n ~", "plain, \"quoted\" \\n ~");
    assert_shown("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xC2\xA0", "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xC2\xA0");
}

static void what_steers_a_terminal_is_spelled(void **state) {
    (void)state;
    assert_shown("a\x1b[31mb\x07\x7f", "a\\x1B[31mb\\x07\\x7F");
    assert_shown("one\r\ntwo\t", "one\\r\\ntwo\\t");
    assert_shown("\xC2\x9B"
                 "2J",
                 "\\u009B2J"); /* a control sequence in one character */
    assert_shown("a\xE2\x80\xAE"
                 "b\xE2\x81\xA6",
                 "a\\u202Eb\\u2066"); /* text that runs the other way */
}

static void what_is_no_utf8_is_spelled(void **state) {
    (void)state;
    assert_shown("\xff"
                 "a\xC3",
                 "\\xFFa\\xC3");
    assert_shown("\xE2\x82", "\\xE2\\x82");
    assert_shown("\xC0\x80\xED\xA0\x80\xF4\x90\x80\x80", "\\xC0\\x80\\xED\\xA0\\x80\\xF4\\x90\\x80\\x80");
}

static void what_does_not_fit_is_cut_at_a_character(void **state) {
    (void)state;
    char out[6];
    assert_string_equal(ltm_printable(out, sizeof out, "abcdefg"), "abcde");
    assert_string_equal(ltm_printable(out, sizeof out, "abc\xE2\x82\xAC"), "abc");
    assert_string_equal(ltm_printable(out, sizeof out, "ab\x1b"), "ab");
    assert_string_equal(ltm_printable(out, 1, "ab"), "");
}

static void messages_are_one_line_that_can_be_shown(void **state) {
    (void)state;
    struct ltm_error error;
    assert_int_equal(fail(&error, LTM_CORRUPT, "tensor \"%.4s\" of %s", "\x1b[2J", "a\nb"), LTM_CORRUPT);
    assert_string_equal(error.message, "tensor \"\\x1B[2J\" of a\\nb");
    fail(&error, LTM_IO, "again: %s", error.message);
    assert_string_equal(error.message, "again: tensor \"\\x1B[2J\" of a\\nb");
    char longer[3000];
    memset(longer, '\n', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    fail(&error, LTM_IO, "%s", longer);
    assert_int_equal(strlen(error.message), sizeof error.message - 2); /* whole escapes of two */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays),
        cmocka_unit_test(what_steers_a_terminal_is_spelled),
        cmocka_unit_test(what_is_no_utf8_is_spelled),
        cmocka_unit_test(what_does_not_fit_is_cut_at_a_character),
        cmocka_unit_test(messages_are_one_line_that_can_be_shown),
    };
    return cmocka_run_group_tests_name("printable", tests, NULL, NULL);
}
