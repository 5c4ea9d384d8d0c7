#include "fewshot/written.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "ltm/tokenizer.h"

static ltm_status append(struct written *to, const char *bytes, size_t count, struct ltm_error *error) {
    if (!to->bytes || to->count + count + 1 > to->room) {
        const size_t room = 2 * (to->count + count) + 64;
        char *grown = realloc(to->bytes, room);
        if (!grown) return fail_memory(error, room, "a text");
        to->bytes = grown;
        to->room = room;
    }
    if (count) memcpy(to->bytes + to->count, bytes, count);
    to->count += count;
    to->bytes[to->count] = 0;
    return LTM_OK;
}

ltm_status written_token(struct written *text, const struct ltm_tokenizer *tokenizer, int32_t token,
                         struct ltm_error *error) {
    char *bytes = NULL;
    size_t count = 0;
    ltm_status status = LTM_OK;
    text->ended = token == ltm_tokenizer_end(tokenizer);
    /* model.vocab may be rounded up: such ids are no text */
    if (!text->ended && token < ltm_tokenizer_vocab(tokenizer))
        status = ltm_tokenizer_decode(tokenizer, &token, 1, &bytes, &count, error);
    if (status == LTM_OK) status = append(text, bytes ? bytes : "", count, error);
    free(bytes);
    return status;
}

void written_stop(struct written *text, size_t stop) {
    if (stop == text->count) return;
    text->ended = true;
    text->count = stop;
    text->bytes[stop] = 0;
}

ltm_status written_clean(char **clean, const struct written *text, struct ltm_error *error) {
    struct written to = {0};
    ltm_status status = append(&to, "", 0, error);
    for (size_t at = 0; status == LTM_OK && at < text->count;) {
        bool open;
        const size_t valid = utf8_valid(text->bytes + at, text->count - at, &open);
        const char *nul = memchr(text->bytes + at, 0, valid);
        const size_t good = nul ? (size_t)(nul - (text->bytes + at)) : valid;
        status = append(&to, text->bytes + at, good, error);
        at += good;
        if (status != LTM_OK || at == text->count) break;
        status = append(&to, "\xEF\xBF\xBD", 3, error);
        at++;
    }
    *clean = to.bytes;
    return status;
}
