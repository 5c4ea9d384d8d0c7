#include "nn/linear.h"

#include "math/matmul.h"

/* More rows make a product hardly faster. */
enum { BACKLOG_ROWS = 512 };

int linear_backlog_rows(int rows, int times) {
    const int fits = BACKLOG_ROWS / rows;
    if (fits < 2 || times < 2) return 0;
    const int products = (times + fits - 1) / fits;
    return (times + products - 1) / products * rows;
}

/* A backlog serves the calls of so many rows that were prepared last. */
static ltm_status prepare_backlog(const struct linear *w, struct bf16_work *work, int rows, struct ltm_error *error) {
    struct linear_backlog *b = w->backlog;
    const int wanted = linear_backlog_rows(rows, b->times);
    const int most = b->room / rows * rows < wanted ? b->room / rows * rows : wanted;
    linear_catch_up(w);
    b->rows = 0;
    if (most <= rows) return LTM_OK;
    for (int i = 0; i < 2; i++) {
        const struct bf16_product product = {BF16_TO_WEIGHT, i ? most : rows, w->out,
                                             w->in,          .add = true,     .apart = true};
        PASS_UP(bf16_prepare(i ? &b->all : &b->each, work, product, NULL, error));
    }
    b->work = work;
    b->most = most;
    b->rows = rows;
    return LTM_OK;
}

ltm_status linear_prepare(struct linear_call *call, struct bf16_work *work, const struct linear *w, int rows, bool add,
                          bool training, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *call = (struct linear_call){.w = w, .rows = rows, .add = add};
    if (!w->packed || rows < 1) return LTM_OK;
    call->work = work;
    const struct bf16_product forward = {BF16_TO_OUTPUT, rows, w->out, w->in, add, false};
    const struct bf16_product input = {BF16_TO_INPUT, rows, w->out, w->in, false, false};
    const struct bf16_product weight = {BF16_TO_WEIGHT, rows, w->out, w->in, true, false};
    TRY(bf16_prepare(&call->to_output, work, forward, w->packed, error));
    TRY(bf16_prepare(&call->to_input, work, input, w->packed, error));
    if (training) TRY(bf16_prepare(&call->to_weight, work, weight, NULL, error));
    if (training && w->backlog) TRY(prepare_backlog(w, work, rows, error));
cleanup:
    return status;
}

size_t linear_work_bytes(int out, int in, int rows, bool training) {
    const size_t wider = (size_t)(out > in ? out : in);
    return (size_t)rows * sizeof(bf16) * (training ? wider + (size_t)in : wider);
}

void linear_forward(const struct linear_call *call, float *y, const float *x) {
    const struct linear *w = call->w;
    const int rows = call->rows;
    if (!call->work) {
        matmul_nt(y, w->out, x, w->in, w->weight, w->in, rows, w->out, w->in, 1, call->add ? 1 : 0);
        return;
    }
    bf16 *operand = bf16_room(call->work, 0);
    bf16_round(operand, x, (size_t)rows * (size_t)w->in);
    bf16_multiply(call->work, call->to_output, y, operand, NULL, w->packed);
}

void linear_catch_up(const struct linear *w) {
    struct linear_backlog *b = w->backlog;
    const int rows = b->kept == b->most ? b->most : b->rows;
    for (int from = 0; from < b->kept; from += rows)
        bf16_multiply(b->work, rows == b->most ? b->all : b->each, b->dw, b->dy + (size_t)from * (size_t)w->out,
                      b->x + (size_t)from * (size_t)w->in, NULL);
    b->kept = 0;
}

/* The product to the weight comes later: it has its operands. */
static void put_off(const struct linear *w, float *dw, int rows) {
    struct linear_backlog *b = w->backlog;
    b->dw = dw;
    b->kept += rows;
    if (b->kept == b->most) linear_catch_up(w);
}

void linear_backward(const struct linear_call *call, float *dx, float *dw, const float *dy, const float *x) {
    const struct linear *w = call->w;
    const int rows = call->rows;
    if (!call->work) {
        matmul_nn(dx, w->in, dy, w->out, w->weight, w->in, rows, w->in, w->out, 1, 0);
        if (dw) matmul_tn(dw, w->in, dy, w->out, x, w->in, w->out, w->in, rows, 1, 1);
        return;
    }
    const struct linear_backlog *later = dw && w->backlog && w->backlog->rows == rows ? w->backlog : NULL;
    bf16 *dy_half = later ? later->dy + (size_t)later->kept * (size_t)w->out : bf16_room(call->work, 0);
    bf16 *x_half = later ? later->x + (size_t)later->kept * (size_t)w->in : bf16_room(call->work, 1);
    bf16_round(dy_half, dy, (size_t)rows * (size_t)w->out);
    bf16_multiply(call->work, call->to_input, dx, dy_half, NULL, w->packed);
    if (!dw) return;
    bf16_round(x_half, x, (size_t)rows * (size_t)w->in);
    if (later)
        put_off(w, dw, rows);
    else
        bf16_multiply(call->work, call->to_weight, dw, dy_half, x_half, NULL);
}
