/* A prompt that ends in a blank: most words' pieces begin with theirs, so a text that goes on from the blank's own piece goes on
 * badly. The blank is left out of the prompt, and the first piece drawn is one that begins with it. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "ltm/tokenizer.h"

/* begins[id], id < vocab: whether the piece begins with a blank. *begins is NULL where none does, and then nothing can be healed;
 * the caller frees it. */
ltm_status healing_pieces(bool **begins, const struct ltm_tokenizer *tokenizer, int vocab, struct ltm_error *error);

bool healing_wanted(const bool *begins, const char *text, size_t bytes);
