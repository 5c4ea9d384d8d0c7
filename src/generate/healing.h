/* A prompt that ends in a blank: most words' pieces start with a blank, so a text continues badly after a separate
 * blank piece. The blank is removed from the prompt, and the first piece drawn must start with one. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "ltm/tokenizer.h"

/* begins[id], id < vocab: whether the piece begins with a blank. **begins is NULL if none does: then nothing can be
 * healed. The caller frees it. */
ltm_status healing_pieces(bool **begins, const struct ltm_tokenizer *tokenizer, int vocab, struct ltm_error *error);

bool healing_wanted(const bool *begins, const char *text, size_t bytes);
