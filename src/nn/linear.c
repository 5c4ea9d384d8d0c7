#include "nn/linear.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "math/matmul.h"

static struct bf16_product product_of(enum bf16_kind kind, const struct linear *w, int rows, bool add) {
    return (struct bf16_product){kind, rows, w->out, w->in, add};
}

void linear_prepare(struct bf16_work *work, const struct linear *w, int rows, bool add, bool training) {
    if (!work || !w->packed || rows < 1) return;
    /* Where memory is short a product stays in fp32, which its caller learns by its time alone. */
    bf16_prepare(work, product_of(BF16_TO_OUTPUT, w, rows, add), w->packed);
    bf16_prepare(work, product_of(BF16_TO_INPUT, w, rows, false), w->packed);
    if (training) bf16_prepare(work, product_of(BF16_TO_WEIGHT, w, rows, true), NULL);
}

size_t linear_work_bytes(const struct linear *w, int rows, bool training) {
    const size_t wider = (size_t)(w->out > w->in ? w->out : w->in);
    return (size_t)rows * sizeof(bf16) * (training ? wider + (size_t)w->in : wider);
}

/* Operand `index` of the product into its room. */
static bool put(struct bf16_work *work, struct bf16_product product, const struct linear *w, int index, const float *x,
                int width) {
    if (!work || !w->packed || !bf16_prepare(work, product, w->packed)) return false;
    bf16_round(bf16_room(work, index), x, (size_t)product.rows * (size_t)width);
    return true;
}

void linear_forward(struct bf16_work *work, float *y, const float *x, const struct linear *w, int rows, bool add) {
    const struct bf16_product product = product_of(BF16_TO_OUTPUT, w, rows, add);
    if (put(work, product, w, 0, x, w->in) && bf16_multiply(work, product, y, w->packed)) return;
    matmul_nt(y, w->out, x, w->in, w->weight, w->in, rows, w->out, w->in, 1, add ? 1 : 0);
}

void linear_backward_input(struct bf16_work *work, float *dx, const float *dy, const struct linear *w, int rows) {
    const struct bf16_product product = product_of(BF16_TO_INPUT, w, rows, false);
    if (put(work, product, w, 0, dy, w->out) && bf16_multiply(work, product, dx, w->packed)) return;
    matmul_nn(dx, w->in, dy, w->out, w->weight, w->in, rows, w->in, w->out, 1, 0);
}

void linear_backward_weight(struct bf16_work *work, float *dw, const float *dy, const float *x, const struct linear *w,
                            int rows) {
    const struct bf16_product product = product_of(BF16_TO_WEIGHT, w, rows, true);
    if (put(work, product, w, 0, dy, w->out) && put(work, product, w, 1, x, w->in) &&
        bf16_multiply(work, product, dw, NULL))
        return;
    matmul_tn(dw, w->in, dy, w->out, x, w->in, w->out, w->in, rows, 1, 1);
}

/* Shortest of a few runs of the layer, taken in turns so that a busy machine slows both. */
static bool measure(struct bf16_work *work, float *y, const float *x, const struct linear *w, int rows) {
    enum { TURNS = 8 };
    double least[2] = {1e9, 1e9};
    for (int turn = 0; turn < TURNS; turn++)
        for (int in_bf16 = 0; in_bf16 < 2; in_bf16++) {
            const double began = seconds_now();
            linear_forward(in_bf16 ? work : NULL, y, x, w, rows, false);
            const double took = seconds_now() - began;
            if (took < least[in_bf16]) least[in_bf16] = took;
        }
    return least[1] < least[0];
}

bool linear_bf16_is_faster(void) {
    enum { ROWS = 256, WIDTH = 512 };
    if (bf16_missing()) return false;
    if (bf16_matrix_units()) return true;
    float *block = NULL;
    struct linear w = {.out = WIDTH, .in = WIDTH};
    struct bf16_work *work = NULL;
    bool faster = false;
    if (NEW_ARRAY(block, (size_t)(WIDTH + 2 * ROWS) * WIDTH, "measuring speed", NULL) == LTM_OK &&
        bf16_weight_create(&w.packed, WIDTH, WIDTH, NULL) == LTM_OK && bf16_work_create(&work, NULL) == LTM_OK) {
        for (size_t i = 0; i < (size_t)(WIDTH + ROWS) * WIDTH; i++) block[i] = 1e-3f * (float)(i % 97);
        w.weight = block;
        float *x = block + WIDTH * WIDTH;
        if (bf16_weight_pack(w.packed, BF16_FORWARD, block, NULL) == LTM_OK)
            faster = measure(work, x + ROWS * WIDTH, x, &w, ROWS);
    }
    bf16_work_free(work);
    bf16_weight_free(w.packed);
    free(block);
    return faster;
}
