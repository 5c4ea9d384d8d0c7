/* A batch of text blocks, encoded in parallel and kept in order: the result does not depend on which thread encoded
 * what. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ltm/tokenizer.h"

struct batch_item {
    size_t from, bytes; /* in the batch's text */
    bool heldout, last; /* last: an end-of-sequence id follows */
    uint16_t *tokens;   /* what batch_encode made; batch_clear frees it */
    size_t count;
};

struct batch {
    char *text;
    struct batch_item *items;
    size_t bytes, count, text_room, item_room;
    ltm_status status; /* of the first item that could not be encoded */
    struct ltm_error error;
};

ltm_status batch_add(struct batch *batch, const char *text, size_t bytes, bool heldout, bool last,
                     struct ltm_error *error);

/* Encode item i. Items may be encoded by several threads at once. */
void batch_encode(struct batch *batch, size_t i, const struct ltm_tokenizer *tokenizer);

void batch_clear(struct batch *batch); /* empty, but keeps its memory */
void batch_free(struct batch *batch);
