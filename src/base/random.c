#include "base/random.h"

#include <math.h>

#include <Random123/philox.h>

/* Counter words: block, purpose and fast step, sequence, slow step. A fast step has 24 bits, a block 32: 2^34 numbers. */
static philox4x32_ctr_t draw_block(struct random_key key, uint32_t block) {
    philox4x32_ctr_t counter = {{block, (key.purpose << 24) ^ key.fast, key.sequence, key.step}};
    philox4x32_key_t seed = {{(uint32_t)key.seed, (uint32_t)(key.seed >> 32)}};
    return philox4x32(counter, seed);
}

/* Box–Muller on two words: u in (0, 1], so that the logarithm is finite. */
static void normal_pair(float out[2], uint32_t a, uint32_t b) {
    float u = ((float)(a >> 8) + 1.0f) * 0x1p-24f;
    float angle = 6.283185307179586f * ((float)(b >> 8) * 0x1p-24f);
    float radius = sqrtf(-2.0f * logf(u));
    out[0] = radius * cosf(angle);
    out[1] = radius * sinf(angle);
}

void random_normal(float *out, size_t n, struct random_key key) {
    for (size_t i = 0; i < n; i += 4) {
        philox4x32_ctr_t bits = draw_block(key, (uint32_t)(i / 4));
        float four[4];
        normal_pair(four, bits.v[0], bits.v[1]);
        normal_pair(four + 2, bits.v[2], bits.v[3]);
        for (size_t j = i; j < n && j < i + 4; j++) out[j] = four[j - i];
    }
}

float random_mask(uint8_t *mask, size_t n, double p, struct random_key key) {
    const uint32_t dropped = (uint32_t)lround(p * 65536); /* of the values of 16 bits */
    for (size_t i = 0; i < n; i += 8) {
        const philox4x32_ctr_t bits = draw_block(key, (uint32_t)(i / 8));
        for (size_t j = i; j < n && j < i + 8; j++)
            mask[j] = ((bits.v[(j - i) / 2] >> (j % 2 * 16)) & 0xFFFF) >= dropped;
    }
    return 65536.0f / (float)(65536 - dropped);
}

uint32_t random_bits(struct random_key key, uint32_t i) { return draw_block(key, i / 4).v[i % 4]; }

double random_uniform(struct random_key key, uint32_t i) { return random_bits(key, i) * 0x1p-32; }
