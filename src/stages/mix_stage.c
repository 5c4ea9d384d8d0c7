/* out = a in + b h0, h0 what the embedding left, a and b learned: at the beginning of each layer with model.mix_input = yes. They start
 * at 1 and 0, so that it begins as nothing. */
#include "nn/mix.h"
#include "stages/stage.h"

enum { STREAM, FIRST };

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    (void)c;
    struct weight first = weight_gain("mix_first", 1);
    first.init_value = 0;
    weights_add(table, weight_gain("mix_stream", 1), WEIGHT_ALONE);
    weights_add(table, first, WEIGHT_ALONE);
}

static double flops(const struct ltm_model_config *c) {
    (void)c;
    return 0;
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    (void)state;
    mix_forward(io->out, io->in, io->first, *stage_weight(w, STREAM), *stage_weight(w, FIRST),
                shape_floats(&io->shape));
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    (void)state;
    const size_t d = (size_t)io->shape.config->dim;
    const float a = *stage_weight(w, STREAM);
    const float b = *stage_weight(w, FIRST);
    double da = 0;
    double db = 0;
    for (size_t at = 0; at < shape_floats(&io->shape); at += d)
        mix_backward(io->dh + at, io->dfirst ? io->dfirst + at : NULL, dw ? &da : NULL, dw ? &db : NULL, io->dh + at,
                     io->in + at, io->first + at, a, b, d);
    if (!dw) return;
    *stage_gradient(w, dw, STREAM) += (float)da;
    *stage_gradient(w, dw, FIRST) += (float)db;
}

static void step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    (void)buffers, (void)caches;
    const struct stage_share mine = stage_share(io->rows);
    const size_t d = (size_t)io->config->dim;
    const size_t at = (size_t)mine.from * d;
    mix_forward(io->h + at, io->h + at, io->first + at, *stage_weight(w, STREAM), *stage_weight(w, FIRST),
                (size_t)(mine.to - mine.from) * d);
    stage_meet();
}

const struct stage_kind mix_stage = {
    .name = "mix", .declare = declare, .flops = flops, .forward = forward, .backward = backward, .step = step};
