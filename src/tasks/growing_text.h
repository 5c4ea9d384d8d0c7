/* Text that grows as it is written. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* An allocation that failed empties the text for good and sets `failed`, which is asked for once, at the end. */
struct text {
    char *data; /* ends in NUL; NULL before the first addition */
    size_t bytes, room;
    bool failed;
};

void text_add(struct text *text, const char *words);
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_clear(struct text *text);               /* keeps the memory */
const char *text_string(const struct text *text); /* "" when empty */
void text_free(struct text *text);
