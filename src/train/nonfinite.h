/* What was not a finite number in a slow step: found only after a step's loss or gradient norm has turned out not to be one, so
 * a step in which all is well pays nothing for it.
 *
 * The search goes from causes to effects: a weight; the loss of a sequence, which names it; a sequence's gradient, made again
 * alone, and the tensor that the backward pass came to first; at last a sum over the batch of which every part was finite. */
#pragma once

#include "train/trainer_state.h"

/* After a slow step's sums, with all processes, all of which find the same. What the step left in trainer->gradient.total is
 * still there; trainer->scores is overwritten. */
ltm_status nonfinite_find(struct trainer *trainer, struct fault *fault, struct ltm_error *error);

enum { FAULT_TEXT = 320 };

/* "the gradient of layers.1.attention.wq.weight is not finite in sequence 5 of the batch (first token 1280)" */
void nonfinite_describe(char text[FAULT_TEXT], const struct trainer *trainer, const struct fault *fault);
