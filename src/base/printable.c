#include "ltm/printable.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The character at `at` and its length; length 0 for a byte that is not UTF-8. */
static uint32_t decode(const unsigned char *at, size_t *length) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t bytes = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t code = bytes == 1 ? at[0] : at[0] & (0x7fu >> bytes);
    *length = 0;
    if ((at[0] >= 0x80 && at[0] < 0xc2) || at[0] > 0xf4) return 0;
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0; /* the text's end is seen here too */
        code = code << 6 | (at[i] & 0x3f);
    }
    if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0;
    *length = bytes;
    return code;
}

/* Controls of ASCII and of Latin 1, ends of lines and paragraphs, marks of direction. */
static int is_hidden(uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static void spell(char spelled[12], uint32_t code, unsigned char byte, size_t length) {
    if (code == '\n' || code == '\t' || code == '\r')
        snprintf(spelled, 12, "\\%c", code == '\n' ? 'n' : code == '\t' ? 't' : 'r');
    else if (length <= 1)
        snprintf(spelled, 12, "\\x%02X", byte);
    else
        snprintf(spelled, 12, "\\u%04X", (unsigned)code);
}

const char *ltm_printable(char *out, size_t size, const char *text) {
    size_t used = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        char spelled[12];
        const char *piece = (const char *)at;
        size_t length;
        const uint32_t code = decode(at, &length);
        const size_t taken = length ? length : 1;
        size_t bytes = taken;
        if (length == 0 || is_hidden(code)) {
            spell(spelled, length ? code : 0, *at, length);
            piece = spelled;
            bytes = strlen(spelled);
        }
        if (used + bytes >= size) break;
        memcpy(out + used, piece, bytes);
        used += bytes;
        at += taken;
    }
    out[used] = 0;
    return out;
}
