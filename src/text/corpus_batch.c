#include "text/corpus_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

ltm_status batch_add(struct batch *batch, const char *text, size_t bytes, bool heldout, bool last,
                     struct ltm_error *error) {
    PASS_UP(GROW_ARRAY(batch->text, batch->text_room, batch->bytes + bytes, "a batch of text", error));
    PASS_UP(GROW_ARRAY(batch->items, batch->item_room, batch->count + 1, "a batch of text", error));
    if (bytes > 0) memcpy(batch->text + batch->bytes, text, bytes);
    batch->items[batch->count++] =
        (struct batch_item){.from = batch->bytes, .bytes = bytes, .heldout = heldout, .last = last};
    batch->bytes += bytes;
    return LTM_OK;
}

static ltm_status encode(struct batch_item *item, const char *text, const struct ltm_tokenizer *tokenizer,
                         struct ltm_error *error) {
    int32_t *ids = NULL;
    size_t count = 0;
    ltm_status status = ltm_tokenizer_encode(tokenizer, text, item->bytes, &ids, &count, error);
    if (status != LTM_OK) return status;
    item->tokens = malloc((count + 1) * sizeof *item->tokens);
    if (item->tokens) {
        for (size_t i = 0; i < count; i++) item->tokens[i] = (uint16_t)ids[i];
        if (item->last) item->tokens[count++] = (uint16_t)ltm_tokenizer_end(tokenizer);
        item->count = count;
    } else {
        status = fail_memory(error, (count + 1) * sizeof *item->tokens, "tokens");
    }
    free(ids);
    return status;
}

void batch_encode(struct batch *batch, size_t i, const struct ltm_tokenizer *tokenizer) {
    struct ltm_error error;
    struct batch_item *item = &batch->items[i];
    ltm_status status = encode(item, batch->text + item->from, tokenizer, &error);
    if (status == LTM_OK) return;
#pragma omp critical(batch_failure)
    if (batch->status == LTM_OK) {
        batch->status = status;
        batch->error = error;
    }
}

void batch_clear(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) free(batch->items[i].tokens);
    batch->bytes = batch->count = 0;
}

void batch_free(struct batch *batch) {
    batch_clear(batch);
    free(batch->text);
    free(batch->items);
    *batch = (struct batch){0};
}
