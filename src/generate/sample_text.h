/* Text that grows token by token. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ltm/tokenizer.h"

struct sample_text {
    char *text; /* ends in NUL; NULL before the first token */
    size_t bytes, room;
};

/* An id that is no piece of the tokenizer adds nothing: model.vocab may be rounded up. */
ltm_status sample_text_append(struct sample_text *text, const struct ltm_tokenizer *tokenizer, int32_t token,
                              struct ltm_error *error);

/* How many of its bytes end a character, so that the rest may wait for what completes it. */
size_t sample_text_whole(const struct sample_text *text);
