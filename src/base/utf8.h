/* UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that the text begins with (it has at least one byte), and its code; 0 where none begins, more than
 * `bytes` where only its beginning is there. */
size_t utf8_character(const char *text, size_t bytes, uint32_t *code);

/* Characters of a string. */
size_t utf8_count(const char *text);

/* Bytes at the end, 0 to 3, that are the beginning of a character. */
size_t utf8_unfinished(const char *text, size_t bytes);

/* How many bytes from the start are whole valid characters. When that is not all, *open says whether the rest
 * may be a character whose last bytes have not come yet. */
size_t utf8_valid(const char *text, size_t bytes, bool *open);

/* Where to cut a text that is too long to handle at once: 0 < cut <= most < bytes, between two characters
 * (0 only where `most` is below 4 and within the first character).
 *
 * It is before a newline or before a space that follows something else, where there is one in the last half of `most`. No
 * piece of our tokenizers spans such a place: text cut before a newline gives the same tokens as text left whole, and
 * text cut before a space but for near ties between spellings. */
size_t utf8_cut(const char *text, size_t bytes, size_t most);
