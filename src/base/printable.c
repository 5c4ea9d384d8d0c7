#include "ltm/printable.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

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
    for (const char *at = text; *at;) {
        char spelled[12];
        const char *piece = at;
        uint32_t code;
        const size_t length = utf8_character(at, 4, &code); /* no character spans the text's end, a NUL */
        const size_t taken = length ? length : 1;
        size_t bytes = taken;
        if (length == 0 || is_hidden(code)) {
            spell(spelled, length ? code : 0, (unsigned char)*at, length);
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
