#include "tasks/growing_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void text_append(struct text *text, const char *words, size_t bytes) {
    if (text->failed) return;
    text->failed = GROW_ARRAY(text->data, text->room, text->bytes + bytes + 1, "a text", NULL) != LTM_OK;
    if (text->failed) return;
    memcpy(text->data + text->bytes, words, bytes);
    text->bytes += bytes;
    text->data[text->bytes] = 0;
}

void text_add(struct text *text, const char *words) { text_append(text, words, strlen(words)); }

void text_print(struct text *text, const char *format, ...) {
    char words[1024];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof words)
        text->failed = true;
    else
        text_append(text, words, (size_t)length);
}

void text_clear(struct text *text) {
    text->bytes = 0;
    if (text->data) text->data[0] = 0;
}

const char *text_string(const struct text *text) { return text->data ? text->data : ""; }

void text_free(struct text *text) {
    free(text->data);
    *text = (struct text){0};
}
