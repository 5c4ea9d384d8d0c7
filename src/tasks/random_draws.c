#include "tasks/random_draws.h"

#include "base/hash.h"

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

/* FNV-1a, then the finaliser of splitmix64, since FNV's low bits alone are weak. */
uint64_t hash_bytes(const void *data, size_t bytes, uint64_t seed) {
    uint64_t hash = hash_more(HASH_BEGIN ^ (seed * 0x9e3779b97f4a7c15u), data, bytes);
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
    return hash ^ (hash >> 31);
}
