#include "nn/linear.h"

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
