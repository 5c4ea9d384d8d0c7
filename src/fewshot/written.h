/* A text on its way out of the model, token by token. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct ltm_tokenizer;

struct written {
    char *bytes; /* ends in NUL; NULL before the first token */
    size_t count, room;
    bool ended; /* by a stop, or the id that ends a document */
};

/* Add what a token spells; the id that ends a document ends the text. */
ltm_status written_token(struct written *text, const struct ltm_tokenizer *tokenizer, int32_t token,
                         struct ltm_error *error);

/* End it at `stop` bytes where that is not all of it. */
void written_stop(struct written *text, size_t stop);

/* A young model spells bytes that are no text; JSON must be: U+FFFD for each, and for a NUL. The caller frees *clean. */
ltm_status written_clean(char **clean, const struct written *text, struct ltm_error *error);
