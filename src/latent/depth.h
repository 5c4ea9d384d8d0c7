/* The loops run by positions that leave them early (model/exits.h), by difficulty. */
#pragma once

#include "ltm/eval.h"

/* A sequence's tokens: the loops that each ran, -log p and its weight (NULL: 1); this is one sample of `samples`. */
void depth_add(struct ltm_depth *depth, const int *loops, const float *nll, const float *weights, int length,
               int samples);

/* Of all sequences together. */
struct ltm_depth depth_sum(const struct ltm_depth *depths, int64_t count);
