/* The weights that a new run begins with, out of another run's checkpoint (run.from). */
#pragma once

#include "ltm/config.h"
#include "ltm/watch.h"
#include "stages/weights.h"

/* run.from and run.from_digest become those that the run began with, where its folder holds a run. LTM_MISMATCH where run.from is set to
 * something else. */
ltm_status origin_settle(struct ltm_config *config, struct ltm_error *error);

/* Over initial weights, laid out by `table`, write those that run.from has by the same name: a checkpoint, a run's best one, or a
 * model.safetensors. Where the run has k times its layers, layer l is layer l mod L there. What has no counterpart stays
 * as it is. The watch is told what was carried over, what is new and what was left out; run.from_digest is checked, or becomes that
 * of the file. `digest`: of the run's tokenizer, or "". LTM_MISMATCH for another tokenizer, and where width, heads or a shape
 * differ. */
ltm_status origin_read(float *weights, const struct weight_table *table, struct ltm_config *config, const char *digest,
                       const struct ltm_watch *watch, struct ltm_error *error);
