#include "text/utf8.h"

#include <stdint.h>
#include <string.h>

static bool is_tail(unsigned char c) { return (c & 0xC0) == 0x80; }

/* The length of the character that `lead` begins, and the range of its second byte; 0 if it begins none. */
static size_t character_length(unsigned char lead, unsigned char *low, unsigned char *high) {
    *low = 0x80;
    *high = 0xBF;
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return 2;
    if (lead < 0xF0) {
        if (lead == 0xE0) *low = 0xA0;  /* overlong below U+0800 */
        if (lead == 0xED) *high = 0x9F; /* surrogates */
        return 3;
    }
    if (lead > 0xF4) return 0;
    if (lead == 0xF0) *low = 0x90;
    if (lead == 0xF4) *high = 0x8F;
    return 4;
}

static size_t ascii_run(const unsigned char *s, size_t at, size_t bytes) {
    for (; at + 8 <= bytes; at += 8) {
        uint64_t eight;
        memcpy(&eight, s + at, 8);
        if (eight & 0x8080808080808080u) break;
    }
    return at;
}

size_t utf8_valid(const char *text, size_t bytes, bool *open) {
    const unsigned char *s = (const unsigned char *)text;
    size_t at = 0;
    *open = false;
    while ((at = ascii_run(s, at, bytes)) < bytes) {
        unsigned char low;
        unsigned char high;
        size_t length = character_length(s[at], &low, &high);
        if (length == 0) return at;
        for (size_t i = 1; i < length; i++) {
            if (at + i == bytes) {
                *open = true;
                return at;
            }
            unsigned char c = s[at + i];
            if (i == 1 ? c < low || c > high : !is_tail(c)) return at;
        }
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
    while (at > 0 && is_tail((unsigned char)text[at])) at--;
    return at;
}
