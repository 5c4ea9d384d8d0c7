#include "base/utf8.h"

#include <string.h>

static bool is_tail(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

size_t utf8_character(const char *text, size_t bytes, uint32_t *code) {
    const unsigned char lead = (unsigned char)text[0];
    const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    uint32_t value = length > 1 ? lead & (0x7Fu >> length) : lead;
    *code = value;
    if (length > 1 && bytes > 1) {
        /* The second byte shows overlong forms, surrogates and codes above U+10FFFF. */
        const unsigned char second = (unsigned char)text[1];
        const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (second < low || second > high) return 0;
    }
    for (size_t i = 1; i < length && i < bytes; i++) {
        if (!is_tail(text[i])) return 0;
        value = value << 6 | ((unsigned char)text[i] & 0x3F);
    }
    *code = value;
    return length;
}

size_t utf8_count(const char *text) {
    size_t count = 0;
    for (; *text; text++) count += !is_tail(*text);
    return count;
}

size_t utf8_unfinished(const char *text, size_t bytes) {
    uint32_t code;
    for (size_t back = 1; back <= 3 && back <= bytes; back++) {
        if (is_tail(text[bytes - back])) continue; /* look further back for its beginning */
        return utf8_character(text + bytes - back, back, &code) > back ? back : 0;
    }
    return 0;
}

static size_t ascii_run(const char *s, size_t at, size_t bytes) {
    for (; at + 8 <= bytes; at += 8) {
        uint64_t eight;
        memcpy(&eight, s + at, 8);
        if (eight & 0x8080808080808080u) break;
    }
    return at;
}

size_t utf8_valid(const char *text, size_t bytes, bool *open) {
    size_t at = 0;
    *open = false;
    while ((at = ascii_run(text, at, bytes)) < bytes) {
        uint32_t code;
        const size_t length = utf8_character(text + at, bytes - at, &code);
        *open = length > bytes - at;
        if (length == 0 || *open) break;
        at += length;
    }
    return at;
}

size_t utf8_cut(const char *text, size_t bytes, size_t most) {
    if (most >= bytes) most = bytes - 1;
    size_t least = most / 2 > 0 ? most / 2 : 1;
    for (size_t at = most; at >= least; at--)
        if (text[at] == '\n') return at;
    for (size_t at = most; at >= least; at--)
        if (text[at] == ' ' && text[at - 1] != ' ') return at;
    size_t at = most;
    while (at > 0 && is_tail(text[at])) at--;
    return at;
}
