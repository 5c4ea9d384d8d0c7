/* Text in another encoding than UTF-8, converted by iconv as it is read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct text_decoder;

/* Gives the bytes to convert: up to `room`, fewer only at the end. */
typedef ltm_status (*decoder_source)(void *user, void *bytes, size_t room, size_t *got, struct ltm_error *error);

/* LTM_INVALID if iconv does not know the encoding. `name` is the file's, for messages. `begin`: bytes of it that were
 * already read. */
ltm_status text_decoder_open(struct text_decoder **decoder, const char *encoding, const char *name, const void *begin,
                             size_t bytes, struct ltm_error *error);
void text_decoder_close(struct text_decoder *decoder); /* NULL is fine */

/* Up to `room` bytes of UTF-8, whole characters, fewer only at the end. LTM_INVALID names the first byte that is not
 * part of a character; with `replaced` (may be NULL) it becomes U+FFFD and is counted there. */
ltm_status text_decoder_read(struct text_decoder *decoder, decoder_source source, void *user, char *text, size_t room,
                             size_t *got, bool *ended, int64_t *replaced, struct ltm_error *error);

ltm_status text_encoding_check(const char *encoding, struct ltm_error *error);

/* The encoding of a byte-order mark other than that of UTF-8, or NULL. */
const char *text_encoding_of_mark(const void *begin, size_t bytes);
