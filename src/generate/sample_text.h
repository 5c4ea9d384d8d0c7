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
    size_t told; /* bytes that are final: no stop starts in them */
    bool ended;  /* by the id that ends a document, or a stop */
};

/* An id that is no piece of the tokenizer adds nothing: model.vocab may be rounded up. `heals`: without the blank that
 * the piece begins with, which the prompt has (generate/healing.h). */
ltm_status sample_text_append(struct sample_text *text, const struct ltm_tokenizer *tokenizer, int32_t token,
                              bool heals, struct ltm_error *error);

/* End it at `at` bytes where that is not all of it. */
void sample_text_cut(struct sample_text *text, size_t at);

/* Cut it before the first stop in it; returns whether there is one. */
bool sample_text_stop(struct sample_text *text, const char *const *stops, int count);

/* How many of its bytes are final: the rest may be an incomplete character or stop. */
size_t sample_text_ready(const struct sample_text *text, const char *const *stops, int count);

/* An undertrained model may write bytes that are not UTF-8, but JSON must be UTF-8: U+FFFD for each, and for NUL. The
 * caller frees *clean. */
ltm_status sample_text_clean(char **clean, const struct sample_text *text, struct ltm_error *error);
