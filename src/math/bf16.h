/* Matrix products in bf16 with fp32 accumulation, for layers: one product of a row block with a weight matrix, forward, to
 * its input, and to its weight. Results are fp32.
 *
 *     struct bf16_weight *packed;                      one a weight matrix, shared by all threads
 *     bf16_weight_create(&packed, out, in, &error);
 *     bf16_weight_pack(packed, w, &error);             once a slow step
 *     struct bf16_work *work;                          one a thread
 *     bf16_work_create(&work, &error);
 *     const struct bf16_call *call;                    valid as long as `work`
 *     bf16_prepare(&call, work, product, packed, &error);   before the loop: all creation and allocation is done here
 *     bf16_round(bf16_room(work, 0), x, rows * in);
 *     bf16_multiply(work, call, y, bf16_room(work, 0), NULL, packed);   in it
 *
 * A product runs on the calling thread, and its bits depend only on its operands and its shape. The backend is
 * oneDNN, if the build found it (ONEDNN in the Makefile) and the processor has bf16 instructions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The upper half of a float. */
typedef uint16_t bf16;

/* NULL if bf16 products run on this machine; otherwise the reason, as a clause for a message. Thread-safe;
 * determined once, by comparing a product with a plain one. */
const char *bf16_missing(void);

/* "oneDNN 2.6.3", or "none". */
const char *bf16_backend(void);

/* Round to nearest, ties to even; NaN stays NaN. `to` must not overlap `from`. */
void bf16_round(bf16 *restrict to, const float *restrict from, size_t n);

static inline float bf16_value(bf16 x) {
    union {
        uint32_t bits;
        float value;
    } u = {(uint32_t)x << 16};
    return u.value;
}

/* W (out, in), packed for both x Wᵀ and dy W: four bytes per entry in all, plus padding. */
struct bf16_weight;

ltm_status bf16_weight_create(struct bf16_weight **weight, int out, int in, struct ltm_error *error);
void bf16_weight_free(struct bf16_weight *weight);
size_t bf16_weight_bytes(int out, int in);

/* Either orientation can be packed alone, by different threads. */
enum bf16_orientation { BF16_FORWARD, BF16_BACKWARD };
ltm_status bf16_weight_pack(struct bf16_weight *weight, enum bf16_orientation orientation, const float *w,
                            struct ltm_error *error);

enum bf16_kind {
    BF16_TO_OUTPUT, /* C (rows, out) = A Wᵀ,   A (rows, in) */
    BF16_TO_INPUT,  /* C (rows, in)  = A W,    A (rows, out) */
    BF16_TO_WEIGHT, /* C (out, in)   = Aᵀ B,   A (rows, out), B (rows, in) */
};

struct bf16_product {
    enum bf16_kind kind;
    int rows, out, in;
    bool add;   /* to the contents of C */
    bool apart; /* no operand is in bf16_room */
};

/* One thread's products and the buffers for their operands. */
struct bf16_work;

ltm_status bf16_work_create(struct bf16_work **work, struct ltm_error *error);
void bf16_work_free(struct bf16_work *work);

/* Prepare for a product, unless that is done already; `weight` may be NULL for BF16_TO_WEIGHT. *call belongs to `work`
 * and serves every weight of that shape. LTM_MEMORY or LTM_EXTERNAL if the product cannot be created. */
struct bf16_call;
ltm_status bf16_prepare(const struct bf16_call **call, struct bf16_work *work, struct bf16_product product,
                        const struct bf16_weight *weight, struct ltm_error *error);

/* The buffer for operand A (index 0) or B (1) of prepared products. */
bf16 *bf16_room(struct bf16_work *work, int index);

/* The product of A with the weight, or of a weight's gradient with B. If the backend fails, C is all NaN: that is noticed,
 * whereas a product in another precision would not be. */
void bf16_multiply(struct bf16_work *work, const struct bf16_call *call, float *c, const bf16 *a, const bf16 *b,
                   const struct bf16_weight *weight);

/* As matmul_peak: floating-point operations per second that `threads` threads reach together, each on its own
 * bf16 products. 0 without bf16. */
double bf16_peak(int threads, double seconds);
