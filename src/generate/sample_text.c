#include "generate/sample_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

ltm_status sample_text_append(struct sample_text *text, const struct ltm_tokenizer *tokenizer, int32_t token,
                              struct ltm_error *error) {
    char *piece = NULL;
    size_t bytes = 0;
    if (token >= ltm_tokenizer_vocab(tokenizer)) return LTM_OK;
    PASS_UP(ltm_tokenizer_decode(tokenizer, &token, 1, &piece, &bytes, error));
    const ltm_status status = GROW_ARRAY(text->text, text->room, text->bytes + bytes + 1, "a sample's text", error);
    if (status == LTM_OK) {
        memcpy(text->text + text->bytes, piece, bytes + 1);
        text->bytes += bytes;
    }
    free(piece);
    return status;
}

size_t sample_text_whole(const struct sample_text *text) {
    return text->bytes - utf8_unfinished(text->text, text->bytes);
}
