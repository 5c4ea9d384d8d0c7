/* Locates non-finite values of a slow step. It runs only after a non-finite loss or gradient norm,
 * so normal steps pay nothing for it.
 *
 * The search goes from causes to effects: a weight; the loss of a sequence, which names it; a sequence's gradient,
 * recomputed by itself, and the tensor that the backward pass reached first; finally a sum over the batch whose parts
 * are all finite. */
#pragma once

#include "train/trainer_state.h"

/* Call after a slow step's sums, in all processes; all find the same. trainer->gradient.total is
 * kept; trainer->scores is overwritten. */
ltm_status nonfinite_find(struct trainer *trainer, struct fault *fault, struct ltm_error *error);

enum { FAULT_TEXT = 320 };

/* "the gradient of layers.1.attention.wq.weight is not finite in sequence 5 of the batch (first token 1280)" */
void nonfinite_describe(char text[FAULT_TEXT], const struct trainer *trainer, const struct fault *fault);
