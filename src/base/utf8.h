/* UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the first character of the text (at least one byte), and its code; 0 if it is invalid,
 * more than `bytes` if it is incomplete. */
size_t utf8_character(const char *text, size_t bytes, uint32_t *code);

/* Characters of a string. */
size_t utf8_count(const char *text);

/* Bytes at the end, 0 to 3, of an incomplete character. */
size_t utf8_unfinished(const char *text, size_t bytes);

/* How many bytes from the start are whole valid characters. If that is not all, *open says whether the rest
 * may be a character whose last bytes are still to come. */
size_t utf8_valid(const char *text, size_t bytes, bool *open);

/* Where to cut a text that is too long to handle at once: 0 < cut <= most < bytes, between two characters
 * (0 only if `most` is below 4 and within the first character).
 *
 * It is before a newline or before a space that follows something else, if there is one in the last half of `most`. No
 * piece of our tokenizers spans such a place: text cut before a newline gives the same tokens as uncut text, and text
 * cut before a space does too, except for near ties between spellings. */
size_t utf8_cut(const char *text, size_t bytes, size_t most);
