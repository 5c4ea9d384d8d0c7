#include "nn/linear.h"

#include "math/matmul.h"

ltm_status linear_prepare(struct linear_call *call, struct bf16_work *work, const struct linear *w, int rows, bool add,
                          bool training, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *call = (struct linear_call){.w = w, .rows = rows, .add = add};
    if (!w->packed || rows < 1) return LTM_OK;
    call->work = work;
    const struct bf16_product forward = {BF16_TO_OUTPUT, rows, w->out, w->in, add};
    const struct bf16_product input = {BF16_TO_INPUT, rows, w->out, w->in, false};
    const struct bf16_product weight = {BF16_TO_WEIGHT, rows, w->out, w->in, true};
    TRY(bf16_prepare(&call->to_output, work, forward, w->packed, error));
    TRY(bf16_prepare(&call->to_input, work, input, w->packed, error));
    if (training) TRY(bf16_prepare(&call->to_weight, work, weight, NULL, error));
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
    bf16_round(bf16_room(call->work, 0), x, (size_t)rows * (size_t)w->in);
    bf16_multiply(call->work, call->to_output, y, w->packed);
}

void linear_backward(const struct linear_call *call, float *dx, float *dw, const float *dy, const float *x) {
    const struct linear *w = call->w;
    const int rows = call->rows;
    if (!call->work) {
        matmul_nn(dx, w->in, dy, w->out, w->weight, w->in, rows, w->in, w->out, 1, 0);
        if (dw) matmul_tn(dw, w->in, dy, w->out, x, w->in, w->out, w->in, rows, 1, 1);
        return;
    }
    bf16_round(bf16_room(call->work, 0), dy, (size_t)rows * (size_t)w->out);
    bf16_multiply(call->work, call->to_input, dx, w->packed);
    if (!dw) return;
    bf16_round(bf16_room(call->work, 1), x, (size_t)rows * (size_t)w->in);
    bf16_multiply(call->work, call->to_weight, dw, NULL);
}
