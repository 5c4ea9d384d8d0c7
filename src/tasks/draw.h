/* What generators are made from: numbers drawn one after the other under one key, and text that grows. */
#ifndef TASKS_DRAW_H
#define TASKS_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

struct draw {
    struct random_key key;
    uint32_t at; /* numbers drawn so far */
};

uint32_t draw_below(struct draw *draw, uint32_t n); /* 0 … n-1, n >= 1 */
int draw_between(struct draw *draw, int least, int most);
bool draw_chance(struct draw *draw, double probability);
void draw_shuffle(struct draw *draw, int *values, int n);

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

/* 64 bits that depend on every byte: splits what there is into what is held out and what is not. */
uint64_t hash_bytes(const void *data, size_t bytes, uint64_t seed);

#endif
