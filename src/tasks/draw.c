#include "tasks/draw.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t draw_below(struct draw *draw, uint32_t n) {
    return (uint32_t)((uint64_t)random_bits(draw->key, draw->at++) * n >> 32);
}

int draw_between(struct draw *draw, int least, int most) {
    return least + (int)draw_below(draw, (uint32_t)(most - least) + 1);
}

bool draw_chance(struct draw *draw, double probability) { return random_uniform(draw->key, draw->at++) < probability; }

void draw_shuffle(struct draw *draw, int *values, int n) {
    for (int i = n - 1; i > 0; i--) {
        const int j = (int)draw_below(draw, (uint32_t)i + 1);
        const int swap = values[i];
        values[i] = values[j];
        values[j] = swap;
    }
}

static bool text_reserve(struct text *text, size_t more) {
    if (text->failed) return false;
    if (text->data && text->bytes + more < text->room) return true;
    const size_t room = 2 * (text->bytes + more) + 256;
    char *grown = realloc(text->data, room);
    text->failed = !grown;
    if (!grown) return false;
    text->data = grown;
    text->room = room;
    return true;
}

static void text_append(struct text *text, const char *words, size_t bytes) {
    if (!text_reserve(text, bytes)) return;
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

/* FNV-1a, then the finaliser of splitmix64, since FNV's low bits alone are weak. */
uint64_t hash_bytes(const void *data, size_t bytes, uint64_t seed) {
    const unsigned char *at = data;
    uint64_t hash = 0xcbf29ce484222325u ^ (seed * 0x9e3779b97f4a7c15u);
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
    return hash ^ (hash >> 31);
}
