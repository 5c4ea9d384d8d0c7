#include "math/row_products.h"

#include <stddef.h>
#include <string.h>

#if defined __AVX512F__ || defined __FMA__
#include <immintrin.h>
#elif defined __ARM_NEON
#include <arm_neon.h>
#endif

/* A vector of the machine's width. A tile of sums, TILE_ROWS rows of X by TILE_OUT rows of W, stays in registers. */
#if defined __AVX512F__
enum { LANES = 16, TILE_ROWS = 6, TILE_OUT = 4 };
#elif defined __AVX__
enum { LANES = 8, TILE_ROWS = 2, TILE_OUT = 4 };
#else
enum { LANES = 4, TILE_ROWS = 2, TILE_OUT = 4 };
#endif

enum { FEW_ROWS = 2 };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef uint32_t lane_bits __attribute__((vector_size(LANES * sizeof(uint32_t))));
typedef uint16_t lane_halves __attribute__((vector_size(LANES * sizeof(uint16_t))));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

INLINE lanes load(const float *from) {
    lanes to;
    memcpy(&to, from, sizeof to);
    return to;
}

INLINE lanes load_half(const bf16 *from) {
    lane_halves halves;
    memcpy(&halves, from, sizeof halves);
    return (lanes)(__builtin_convertvector(halves, lane_bits) << 16);
}

/* sum + a b, rounded once if the machine can: a C compiler may not decide that itself. */
INLINE lanes multiply_add(lanes sum, lanes a, lanes b) {
#if defined __AVX512F__
    return (lanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
#elif defined __FMA__
    return (lanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
#elif defined __ARM_NEON && defined __aarch64__
    return (lanes)vfmaq_f32((float32x4_t)sum, (float32x4_t)a, (float32x4_t)b);
#else
    return sum + a * b;
#endif
}

typedef float quad __attribute__((vector_size(4 * sizeof(float))));

/* The lanes folded by halves into four. */
INLINE quad fold(lanes v) {
#if defined __AVX512F__
    typedef float oct __attribute__((vector_size(8 * sizeof(float))));
    const oct w = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                  __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_shufflevector(w, w, 0, 1, 2, 3) + __builtin_shufflevector(w, w, 4, 5, 6, 7);
#elif defined __AVX__
    return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
    return v;
#endif
}

/* The totals of four vectors, side by side. */
INLINE quad totals(lanes a, lanes b, lanes c, lanes d) {
    const quad p = fold(a);
    const quad q = fold(b);
    const quad r = fold(c);
    const quad s = fold(d);
    const quad pq = __builtin_shufflevector(p, q, 0, 4, 1, 5) + __builtin_shufflevector(p, q, 2, 6, 3, 7);
    const quad rs = __builtin_shufflevector(r, s, 0, 4, 1, 5) + __builtin_shufflevector(r, s, 2, 6, 3, 7);
    return __builtin_shufflevector(pq, rs, 0, 1, 4, 5) + __builtin_shufflevector(pq, rs, 2, 3, 6, 7);
}

/* A tile of R rows of X and C rows of W, both constants when inlined: the same sums in the same order for any. */
INLINE void tile(float *y, int ldy, const float *x, int ldx, const struct row_weight *w, size_t row, bool in_half,
                 bool add, const int R, const int C) {
    lanes sum[TILE_ROWS > 4 ? TILE_ROWS : 4][TILE_OUT];
    const size_t ld = (size_t)w->ld;
    const size_t n = (size_t)w->in;
    const size_t whole = n - n % LANES;
    const size_t stride = (size_t)ldx;
    const float *full = in_half ? NULL : w->full + row * ld;
    const bf16 *half = in_half ? w->half + row * ld : NULL;
    UNROLL for (int r = 0; r < R; r++) UNROLL for (int c = 0; c < C; c++) sum[r][c] = (lanes){0};
    if (R <= FEW_ROWS) /* memory-bound, and memory is fastest read in order: one row of W after another */
        UNROLL for (int c = 0; c < C; c++) for (size_t k = 0; k < whole; k += LANES) {
            const lanes weight = in_half ? load_half(half + (size_t)c * ld + k) : load(full + (size_t)c * ld + k);
            UNROLL for (int r = 0; r < R; r++) sum[r][c] =
                multiply_add(sum[r][c], load(x + (size_t)r * stride + k), weight);
        }
    else
        for (size_t k = 0; k < whole; k += LANES) {
            lanes weight[TILE_OUT];
            UNROLL for (int c = 0; c < C; c++) weight[c] =
                in_half ? load_half(half + (size_t)c * ld + k) : load(full + (size_t)c * ld + k);
            UNROLL for (int r = 0; r < R; r++) {
                const lanes value = load(x + (size_t)r * stride + k);
                UNROLL for (int c = 0; c < C; c++) sum[r][c] = multiply_add(sum[r][c], value, weight[c]);
            }
        }
    UNROLL for (int r = 0; r < R; r++) {
        const lanes *v = sum[r];
        const quad all = C == TILE_OUT ? totals(v[0], v[1], v[2], v[3]) : totals(v[0], v[0], v[0], v[0]);
        UNROLL for (int c = 0; c < C; c++) {
            float *to = &y[(size_t)r * (size_t)ldy + (size_t)c];
            float one = all[c];
            for (size_t k = whole; k < n; k++)
                one += x[(size_t)r * stride + k] *
                       (in_half ? bf16_value(half[(size_t)c * ld + k]) : full[(size_t)c * ld + k]);
            *to = add ? *to + one : one;
        }
    }
}

/* Rows of X in the next tile: a full one, unless that would leave only a row or two after it. */
static int tile_rows(int left) {
    if (left >= TILE_ROWS) return left > TILE_ROWS + 2 || left == TILE_ROWS || TILE_ROWS < 4 ? TILE_ROWS : 4;
    return left > 4 ? 4 : left;
}

/* R rows of X against rows from … to - 1 of W. */
INLINE void band(float *y, int ldy, const float *x, int ldx, const struct row_weight *w, bool in_half, bool add,
                 size_t from, size_t to, const int R) {
    for (; from + TILE_OUT <= to; from += TILE_OUT) tile(y + from, ldy, x, ldx, w, from, in_half, add, R, TILE_OUT);
    for (; from < to; from++) tile(y + from, ldy, x, ldx, w, from, in_half, add, R, 1);
}

/* Blocks of W that stay in the L2 cache while all rows of X pass; a tile's rows of X stay in L1. */
INLINE void blocks(float *y, int ldy, const float *x, int ldx, const struct row_weight *w, bool in_half, bool add,
                   int rows, size_t from, size_t to) {
    enum { BLOCK_BYTES = 128 * 1024 };
    const size_t row_bytes = (size_t)w->in * (in_half ? sizeof(bf16) : sizeof(float));
    const size_t step = (BLOCK_BYTES / row_bytes / TILE_OUT + 1) * TILE_OUT;
    for (; from < to; from += step) {
        const size_t end = from + step < to ? from + step : to;
        for (int r = 0, R; r < rows; r += R) {
            float *yr = y + (size_t)r * (size_t)ldy;
            const float *xr = x + (size_t)r * (size_t)ldx;
            switch (R = tile_rows(rows - r)) {
            case 1:
                band(yr, ldy, xr, ldx, w, in_half, add, from, end, 1);
                break;
            case 2:
                band(yr, ldy, xr, ldx, w, in_half, add, from, end, 2);
                break;
            case 3:
                band(yr, ldy, xr, ldx, w, in_half, add, from, end, 3);
                break;
            case 4:
                band(yr, ldy, xr, ldx, w, in_half, add, from, end, 4);
                break;
            default:
                band(yr, ldy, xr, ldx, w, in_half, add, from, end, TILE_ROWS);
            }
        }
    }
}

void row_product(float *y, int ldy, const float *x, int ldx, const struct row_weight *w, int rows, bool add, int part,
                 int parts) {
    /* Parts are cut at whole tiles, so that few rows of W are left over. */
    const size_t tiles = ((size_t)w->out + TILE_OUT - 1) / TILE_OUT;
    const size_t out = (size_t)w->out;
    const size_t from = tiles * (size_t)part / (size_t)parts * TILE_OUT;
    const size_t end = tiles * ((size_t)part + 1) / (size_t)parts * TILE_OUT;
    const size_t to = end < out ? end : out;
    if (w->half)
        blocks(y, ldy, x, ldx, w, true, add, rows, from, to);
    else
        blocks(y, ldy, x, ldx, w, false, add, rows, from, to);
}
