/* Positions that leave the core's loops early (eval.exit), because they have converged.
 *
 * h_k is a position's state after its k-th loop, h_0 the prelude's output. With eval.exit = state it leaves after the
 * second consecutive loop in which ‖h_k - h_k-1‖ < exit_state · ‖h_k‖; with kl after the first in which KL(p_k-1 ‖ p_k)
 * < exit_kl, p_k the output layer's prediction from the normed h_k, without the coda. From then on
 *
 *     its state stays h_k, which the coda reads;
 *     in every loop that it skips, later positions read its keys and values of loop k.
 *
 * So it costs no more work, and depth, state and prediction of a position depend only on itself and earlier positions,
 * whether sequences are scored whole (pass_exits.h) or token by token (stream_exits.h): the score stays a code length.
 * A threshold of 0 is never reached.
 *
 * Savings: in generation all of a loop's work for a token that has left. Sequences that are scored whole run each loop
 * for all positions of a group, so that no product's shape, and no rounding, depends on later tokens; a loop that no
 * position needs is skipped. The steps that fit z run all loops (fast.loops), except where these lie below the first
 * layer that reads z. */
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
