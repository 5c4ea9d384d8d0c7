#include "generate/sample_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

ltm_status sample_text_append(struct sample_text *text, const struct ltm_tokenizer *tokenizer, int32_t token,
                              bool heals, struct ltm_error *error) {
    char *piece = NULL;
    size_t bytes = 0;
    text->ended = token == ltm_tokenizer_end(tokenizer);
    if (token < ltm_tokenizer_vocab(tokenizer))
        PASS_UP(ltm_tokenizer_decode(tokenizer, &token, 1, &piece, &bytes, error));
    const ltm_status status = GROW_ARRAY(text->text, text->room, text->bytes + bytes + 1, "a sample's text", error);
    if (status == LTM_OK) {
        if (bytes) memcpy(text->text + text->bytes, piece + heals, bytes - heals);
        if (bytes) text->bytes += bytes - heals;
        text->text[text->bytes] = 0;
    }
    free(piece);
    return status;
}

void sample_text_cut(struct sample_text *text, size_t at) {
    if (at == text->bytes) return;
    text->ended = true;
    text->bytes = at;
    text->text[at] = 0;
}

bool sample_text_stop(struct sample_text *text, const char *const *stops, int count) {
    const size_t all = text->bytes;
    size_t first = all;
    for (int i = 0; i < count && all > text->told; i++) {
        const char *found = memmem(text->text + text->told, all - text->told, stops[i], strlen(stops[i]));
        if (found && (size_t)(found - text->text) < first) first = (size_t)(found - text->text);
    }
    sample_text_cut(text, first);
    return first < all;
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

ltm_status sample_text_clean(char **clean, const struct sample_text *text, struct ltm_error *error) {
    PASS_UP(NEW_ARRAY(*clean, 3 * text->bytes + 1, "a text", error));
    char *to = *clean;
    for (size_t at = 0; at < text->bytes;) {
        uint32_t code;
        const size_t bytes = utf8_character(text->text + at, text->bytes - at, &code);
        const bool good = bytes && bytes <= text->bytes - at && code;
        memcpy(to, good ? text->text + at : "\xEF\xBF\xBD", good ? bytes : 3);
        to += good ? bytes : 3;
        at += good ? bytes : 1;
    }
    return LTM_OK;
}
