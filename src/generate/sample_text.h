/* Text that grows token by token. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ltm/tokenizer.h"

struct sample_text {
    char *text; /* ends in NUL; NULL before the first token */
    size_t bytes, room;
    size_t told; /* of the bytes, those that are handed on: no stop begins in them */
    bool ended;  /* by the id that ends a document, or a stop */
};

/* An id that is no piece of the tokenizer adds nothing: model.vocab may be rounded up. `heals`: without the blank that
 * the piece begins with, which the prompt has (generate/healing.h). */
ltm_status sample_text_append(struct sample_text *text, const struct ltm_tokenizer *tokenizer, int32_t token,
                              bool heals, struct ltm_error *error);

/* End it at `at` bytes where that is not all of it. */
void sample_text_cut(struct sample_text *text, size_t at);

/* Cut it before the first of the stops that is in it; whether one is. */
bool sample_text_stop(struct sample_text *text, const char *const *stops, int count);

/* How many of its bytes can be handed on: the rest may be a character, or a stop, that what comes completes. */
size_t sample_text_ready(const struct sample_text *text, const char *const *stops, int count);

/* A young model spells bytes that are no text; JSON must be: U+FFFD for each, and for a NUL. The caller frees *clean. */
ltm_status sample_text_clean(char **clean, const struct sample_text *text, struct ltm_error *error);
