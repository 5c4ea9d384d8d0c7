#include "math/bf16.h"

#include <string.h>

/* Round to nearest even: adding just under half of the last kept place, or half if that place is odd, carries into
 * it. A NaN could carry into the sign: it keeps its upper half, with the quiet bit set. */
void bf16_round(bf16 *restrict to, const float *restrict from, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
        const uint32_t nan = (bits >> 16) | 0x40;
        to[i] = (bf16)((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
    }
}
