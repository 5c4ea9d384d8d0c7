/* Which tokens a training or held-out sequence is. A sequence is T + 1 tokens: T inputs, T targets.
 *
 * Training. An epoch cuts the tokens into chunks that begin T tokens apart, from an offset in [0, T) that changes with the
 * epoch, and takes every chunk once, in a pseudo-random order. Both come from the seed and the index alone, so that a
 * run's position in its data is one number, and memory does not grow with the corpus. If sequences are to repeat, every
 * epoch uses the first one's offset. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct sequence_order {
    int64_t tokens, per_epoch; /* floor((N − T) / T): the same in every epoch, whatever its offset */
    int length;                /* T */
    uint64_t seed;
    bool again; /* the sequences of every epoch are the first one's */
};

/* LTM_INVALID if `tokens` is less than 2 T, one sequence at every offset. */
ltm_status sequence_order_init(struct sequence_order *order, int64_t tokens, int length, uint64_t seed,
                               struct ltm_error *error);

/* First token of the index-th training sequence, counted over all epochs. */
int64_t sequence_start(const struct sequence_order *order, int64_t index);

/* Which of an epoch's per_epoch sequences it is. */
int64_t sequence_number(const struct sequence_order *order, int64_t index);

/* Held-out sequences: the i-th begins at i·T; floor((N − 1) / T) of them. LTM_INVALID if that is 0. */
ltm_status heldout_sequences(int64_t *count, int64_t tokens, int length, struct ltm_error *error);

/* The i-th of n sequences spread evenly over `count` (n <= count, i < n). */
int64_t heldout_spread(int64_t i, int64_t n, int64_t count);
