#include "text/encode_behind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

/* The characters that Python's str.rstrip removes. */
static bool is_blank(uint32_t c) {
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

size_t prompt_bytes(const char *prompt) {
    size_t bytes = strlen(prompt);
    while (bytes > 0) {
        size_t at = bytes - 1;
        uint32_t code;
        while (at > 0 && ((unsigned char)prompt[at] & 0xc0) == 0x80) at--;
        if (utf8_character(prompt + at, bytes - at, &code) != bytes - at || !is_blank(code)) break;
        bytes = at;
    }
    return bytes;
}

ltm_status encode_behind(int32_t **ids, size_t *count, const struct ltm_tokenizer *tokenizer, const char *prompt,
                         size_t bytes, const int32_t *prompt_ids, size_t prompt_count, const char *text,
                         struct ltm_error *error) {
    char *whole = NULL;
    ltm_status status = LTM_OK;
    if (asprintf(&whole, "%.*s%s", (int)bytes, prompt, text) < 0) return fail_memory(error, bytes, "a prompt");
    TRY(ltm_tokenizer_encode(tokenizer, whole, strlen(whole), ids, count, error));
    if (*count > prompt_count && memcmp(*ids, prompt_ids, prompt_count * sizeof **ids) == 0) {
        *count -= prompt_count;
        memmove(*ids, *ids + prompt_count, *count * sizeof **ids);
    } else {
        free(*ids);
        *ids = NULL;
        TRY(ltm_tokenizer_encode(tokenizer, text, strlen(text), ids, count, error));
    }
cleanup:
    free(whole);
    return status;
}
