/* Numbers drawn one after the other under one key, which synthetic texts are made from. */
#pragma once

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

/* 64 bits that depend on every byte: decides what is held out. */
uint64_t hash_bytes(const void *data, size_t bytes, uint64_t seed);
