#include "generate/sample_text.h"

#include <stdlib.h>
#include <string.h>

ltm_status sample_text_append(struct sample_text *text, const struct ltm_tokenizer *tokenizer, int32_t token,
                              struct ltm_error *error) {
    char *piece = NULL;
    size_t bytes = 0;
    if (token >= ltm_tokenizer_vocab(tokenizer)) return LTM_OK;
    ltm_status status = ltm_tokenizer_decode(tokenizer, &token, 1, &piece, &bytes, error);
    if (status != LTM_OK) return status;
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
    for (size_t back = 1; back <= 3 && back <= text->bytes; back++) {
        const unsigned char c = (unsigned char)text->text[text->bytes - back];
        if ((c & 0xC0) == 0x80) continue; /* inside a character: look further back for its beginning */
        const size_t needs = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
        return needs > back ? text->bytes - back : text->bytes;
    }
    return text->bytes;
}
