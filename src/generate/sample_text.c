#include "generate/sample_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

ltm_status sample_text_append(struct sample_text *text, const struct ltm_tokenizer *tokenizer, int32_t token,
                              bool heals, struct ltm_error *error) {
    char *piece = NULL;
    size_t bytes = 0;
    if (token >= ltm_tokenizer_vocab(tokenizer)) return LTM_OK;
    PASS_UP(ltm_tokenizer_decode(tokenizer, &token, 1, &piece, &bytes, error));
    const ltm_status status = GROW_ARRAY(text->text, text->room, text->bytes + bytes + 1, "a sample's text", error);
    if (status == LTM_OK) {
        memcpy(text->text + text->bytes, piece + heals, bytes + 1 - heals);
        text->bytes += bytes - heals;
    }
    free(piece);
    return status;
}

bool sample_text_stop(struct sample_text *text, const char *const *stops, int count) {
    const size_t all = text->bytes;
    for (int i = 0; i < count && all > text->told; i++) {
        const char *found = memmem(text->text + text->told, all - text->told, stops[i], strlen(stops[i]));
        if (found && (size_t)(found - text->text) < text->bytes) text->bytes = (size_t)(found - text->text);
    }
    if (text->bytes < all) text->text[text->bytes] = 0;
    return text->bytes < all;
}

size_t sample_text_ready(const struct sample_text *text, const char *const *stops, int count) {
    size_t ready = text->bytes - utf8_unfinished(text->text, text->bytes);
    for (int i = 0; i < count; i++) {
        size_t begun = strlen(stops[i]) - 1;
        if (begun > text->bytes - text->told) begun = text->bytes - text->told;
        while (begun && memcmp(text->text + text->bytes - begun, stops[i], begun) != 0) begun--;
        if (text->bytes - begun < ready) ready = text->bytes - begun;
    }
    return ready;
}
