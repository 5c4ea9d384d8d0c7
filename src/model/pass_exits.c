#include "model/pass_exits.h"

#include <string.h>

#include "nn/rmsnorm.h"

void pass_exits_lay_out(struct pass_exits *exits, struct arena *arena, const struct plan *plan,
                        const struct stage_shape *shape) {
    exits_lay_out(&exits->each, arena, plan, shape_rows(shape));
    if (plan->exit.kind != LTM_EXIT_KL) return;
    const int rows = shape_rows(shape);
    exits->before = ARENA_TAKE(arena, float, shape_floats(shape));
    exits->now = ARENA_TAKE(arena, float, shape_floats(shape));
    exits->divergence = ARENA_TAKE(arena, float, (size_t)rows);
    exits->logits = ARENA_TAKE(arena, float, 2 * output_loss_scratch(plan->config.vocab, rows));
}

ltm_status pass_exits_prepare(struct pass_exits *exits, const struct decoder *decoder, struct bf16_work *work, int rows,
                              struct ltm_error *error) {
    if (!exits->logits) return LTM_OK;
    const struct stage_weights w = decoder_stage_weights(decoder, decoder->plan.count - 1);
    return output_loss_prepare(&exits->calls, work, &w.products[0], rows, false, error);
}

void pass_exits_begin(struct pass_exits *exits, const struct plan *plan, int rows, bool leaves) {
    exits->on = leaves && exits->each.left;
    exits->end = plan->core.end;
    if (exits->on) exits_begin(&exits->each, rows);
}

/* How much a loop changed each position: the measure of eval.exit = kl. */
static void diverge(const struct pass_exits *e, const struct decoder *decoder, const float *before, const float *now,
                    int rows) {
    const struct ltm_model_config *c = &decoder->plan.config;
    const struct stage_weights norm = decoder_stage_weights(decoder, decoder->plan.count - 2);
    rmsnorm_forward(e->before, NULL, before, stage_weight(&norm, 0), rows, c->dim);
    rmsnorm_forward(e->now, NULL, now, stage_weight(&norm, 0), rows, c->dim);
    output_divergence(&e->calls, e->divergence, e->before, e->now, rows, (float)c->softcap, e->logits);
}

bool pass_exits_end_loop(struct pass_exits *e, const struct decoder *decoder, int behind, const float *before,
                         float *now, int rows) {
    const size_t d = (size_t)decoder->plan.config.dim;
    const bool by_kl = behind > 0 && e->logits;
    bool all = behind > 0;
    if (by_kl) diverge(e, decoder, before, now, rows);
    for (int i = 0; i < rows; i++) {
        const size_t at = (size_t)i * d;
        if (e->each.left[i])
            memcpy(now + at, before + at, d * sizeof *now);
        else
            all &= exits_leave(&e->each, i, by_kl ? (double)e->divergence[i] : exits_change(now + at, before + at, d));
    }
    return all;
}

int pass_exits_holder(const struct pass_exits *exits, const struct plan *plan, int a) {
    while (exits->on && a >= exits->end && a < plan->core.end) a -= plan_loop_length(plan);
    return a;
}
