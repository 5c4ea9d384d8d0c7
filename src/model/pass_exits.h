/* Exits (model/exits.h) of a pass over whole sequences. */
#pragma once

#include "model/decoder.h"
#include "model/exits.h"
#include "nn/output_loss.h"

struct pass_exits {
    struct exits each;   /* of the group's positions */
    bool on;             /* in the loops that run or ran last */
    int end;             /* the first application of the core that did not run since all had left; core.end = none */
    float *before, *now; /* kl: (R, d), normed */
    float *divergence;   /* kl: (R) */
    float *logits;       /* kl: of two blocks of rows */
    struct output_calls calls; /* kl */
};

/* Where plan_leaves and there are no gradients. */
void pass_exits_lay_out(struct pass_exits *exits, struct arena *arena, const struct plan *plan,
                        const struct stage_shape *shape);
ltm_status pass_exits_prepare(struct pass_exits *exits, const struct decoder *decoder, struct bf16_work *work, int rows,
                              struct ltm_error *error);

/* Before the core's first application; `leaves`: what follows is a score. */
void pass_exits_begin(struct pass_exits *exits, const struct plan *plan, int rows, bool leaves);

/* A loop brought states (rows, d) from `before` to `now`, and so many more come behind it: who has left keeps its state, who has come to rest
 * leaves. Whether all have left, and loops are left over. */
bool pass_exits_end_loop(struct pass_exits *exits, const struct decoder *decoder, int behind, const float *before,
                         float *now, int rows);

/* The application whose state holds what the a-th keeps of tokens: itself, or where it did not run its like in the last loop that did. */
int pass_exits_holder(const struct pass_exits *exits, const struct plan *plan, int a);
