#include "generate/healing.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

ltm_status healing_pieces(bool **begins, const struct ltm_tokenizer *tokenizer, int vocab, struct ltm_error *error) {
    const int pieces = ltm_tokenizer_vocab(tokenizer);
    bool any = false;
    ltm_status status = NEW_ARRAY(*begins, (size_t)vocab, "pieces", error);
    for (int32_t id = 0; id < pieces && id < vocab && status == LTM_OK; id++) {
        char *piece = NULL;
        size_t bytes;
        status = ltm_tokenizer_decode(tokenizer, &id, 1, &piece, &bytes, error);
        if (status == LTM_OK) any |= (*begins)[id] = bytes && *piece == ' ';
        free(piece);
    }
    if (status == LTM_OK && any) return LTM_OK;
    free(*begins);
    *begins = NULL;
    return status;
}

bool healing_wanted(const bool *begins, const char *text, size_t bytes) {
    return begins && bytes && text[bytes - 1] == ' ';
}
