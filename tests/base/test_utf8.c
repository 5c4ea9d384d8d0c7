/* UTF-8: what RFC 3629 calls valid, and where a text may be cut. */
#include "support/unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

struct sample {
    const char *text;
    size_t bytes, valid;
    bool open;
};

static void tells_valid_text_from_invalid(void **state) {
    static const struct sample samples[] = {
        {"", 0, 0, false},
        {"plain ascii, long enough", 24, 24, false},
        {"a\0b", 3, 3, false},
        {"\xC2\x80\xDF\xBF", 4, 4, false},
        {"\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF", 12, 12, false},
        {"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8, 8, false},
        {"abc\xFF", 4, 3, false},
        {"a\x80", 2, 1, false},            /* a tail alone */
        {"\xC0\x80", 2, 0, false},         /* overlong */
        {"\xE0\x9F\xBF", 3, 0, false},     /* overlong */
        {"\xED\xA0\x80", 3, 0, false},     /* a surrogate */
        {"\xF0\x8F\xBF\xBF", 4, 0, false}, /* overlong */
        {"\xF4\x90\x80\x80", 4, 0, false}, /* above U+10FFFF */
        {"\xF5\x80\x80\x80", 4, 0, false},
        {"12345678\xE2\x82", 10, 8, true}, /* the euro's last byte is to come */
        {"12345678\xF0", 9, 8, true},
        {"\xE2\x82x", 3, 0, false},
        {"0123456\xC3\xA9", 9, 9, false}, /* across the steps of eight */
    };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        bool open;
        size_t valid = utf8_valid(samples[i].text, samples[i].bytes, &open);
        if (valid != samples[i].valid || open != samples[i].open)
            fail_msg("sample %zu: %zu bytes valid, open %d", i, valid, open);
    }
}

static void agrees_with_the_definition_on_all_short_texts(void **state) {
    (void)state;
    for (unsigned code = 0x80; code < 0x110000; code++) {
        char text[4];
        size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        for (size_t i = length - 1; i > 0; i--) text[i] = (char)(0x80 | (code >> (6 * (length - 1 - i)) & 0x3F));
        text[0] = (char)(0xFF00u >> length | code >> (6 * (length - 1)));
        bool open, surrogate = code >= 0xD800 && code < 0xE000;
        if (utf8_valid(text, length, &open) != (surrogate ? 0 : length)) fail_msg("U+%04X", code);
        uint32_t found;
        if (utf8_character(text, length, &found) != (surrogate ? 0 : length) || (!surrogate && found != code))
            fail_msg("U+%04X is U+%04X", code, found);
        if (!surrogate && utf8_unfinished(text, length) != 0) fail_msg("U+%04X is whole", code);
        for (size_t part = 1; part < length && !surrogate; part++)
            if (utf8_character(text, part, &found) != length || utf8_unfinished(text, part) != part)
                fail_msg("%zu bytes of U+%04X", part, code);
    }
}

static void counts_characters(void **state) {
    (void)state;
    uint32_t code;
    assert_int_equal(utf8_count(""), 0);
    assert_int_equal(utf8_count("1.5 \xC2\xB1 \xE2\x82\xAC"), 7);
    assert_int_equal(utf8_unfinished("", 0), 0);
    assert_int_equal(utf8_unfinished("a\x80\x80\x80", 4), 0);
    assert_int_equal(utf8_character("\xE2", 4, &code), 0); /* a string's end ends a character */
    assert_int_equal(utf8_character("\xF0\x90\x80", 4, &code), 0);
}

static void cuts_where_no_piece_can_span(void **state) {
    (void)state;
    assert_int_equal(utf8_cut("one two\nthree four", 18, 16), 13); /* the newline lies in the first half */
    assert_int_equal(utf8_cut("one two three\nfour", 18, 16), 13);
    assert_int_equal(utf8_cut("one two   three", 15, 10), 7); /* before the spaces, not among them */
    assert_int_equal(utf8_cut("aaaaaaaaaaaa", 12, 8), 8);
    assert_int_equal(utf8_cut("\n\n\n\n", 4, 2), 2);
    assert_int_equal(utf8_cut("aaa\xE2\x82\xAC"
                              "aaa",
                              9, 5),
                     3); /* not within the euro */
    assert_int_equal(utf8_cut("\xC3\xA9", 2, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_valid_text_from_invalid),
        cmocka_unit_test(agrees_with_the_definition_on_all_short_texts),
        cmocka_unit_test(counts_characters),
        cmocka_unit_test(cuts_where_no_piece_can_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
