/* Positions that leave the core's loops early (eval.exit), because they have come to rest.
 *
 * h_k is a position's state behind its k-th loop, h_0 what the prelude left. With eval.exit = state it leaves behind the second loop
 * running in which ‖h_k - h_k-1‖ < exit_state · ‖h_k‖; with kl behind the first in which KL(p_k-1 ‖ p_k) < exit_kl, p_k what the
 * output layer makes of the normed h_k, past the coda. From then on
 *
 *     its state stays h_k, which the coda reads;
 *     in every loop that it does not run, those behind it read the keys and values that it has in loop k.
 *
 * So it costs no more work, and depth, state and prediction of a position follow from itself and those before it alone, in the same way
 * whether sequences are scored whole (pass_exits.h) or token by token (stream_exits.h): the score stays a code length. A threshold of
 * 0 is never reached.
 *
 * What is saved: in generation all of a loop's work for a token that has left. Sequences that are scored whole run each loop for all
 * positions of a group, so that no product's shape, and no rounding, depends on what comes later; a loop that nobody needs is
 * not run. The steps that fit z run all loops (fast.loops), except where these lie below the first layer that reads z. */
#pragma once

#include "base/memory.h"
#include "model/plan.h"

struct exits {
    struct ltm_exit_config rule;
    uint8_t *left;  /* (rows): 1 = has left */
    uint8_t *still; /* (rows): the last loops running that changed it too little */
    int *loops;     /* (rows): that it has run */
};

void exits_lay_out(struct exits *exits, struct arena *arena, const struct plan *plan, int rows);
void exits_begin(struct exits *exits, int rows);

/* A row has run one loop more, which changed it by so much. Does it leave? */
bool exits_leave(struct exits *exits, int row, double change);

/* ‖h - before‖ / ‖h‖ over n numbers. */
double exits_change(const float *h, const float *before, size_t n);
