#include "generate/sample_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

ltm_status sample_text_append(struct sample_text *text, const struct ltm_tokenizer *tokenizer, int32_t token,
                              struct ltm_error *error) {
    char *piece = NULL;
    size_t bytes = 0;
    if (token >= ltm_tokenizer_vocab(tokenizer)) return LTM_OK;
    PASS_UP(ltm_tokenizer_decode(tokenizer, &token, 1, &piece, &bytes, error));
    const size_t needed = text->bytes + bytes + 1;
    if (needed > text->room) {
        char *grown = realloc(text->text, 2 * needed);
        if (!grown) {
            free(piece);
            return fail_memory(error, 2 * needed, "a sample's text");
        }
        text->text = grown;
        text->room = 2 * needed;
    }
    memcpy(text->text + text->bytes, piece, bytes + 1);
    text->bytes += bytes;
    free(piece);
    return LTM_OK;
}

size_t sample_text_whole(const struct sample_text *text) {
    return text->bytes - utf8_unfinished(text->text, text->bytes);
}
