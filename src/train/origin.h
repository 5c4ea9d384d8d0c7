/* The initial weights of a new run, from another run's checkpoint (run.from). */
#pragma once

#include "ltm/config.h"
#include "ltm/watch.h"
#include "stages/weights.h"

/* If the folder contains a run, run.from and run.from_digest become the values it started with. LTM_MISMATCH if
 * run.from is set to something else. */
ltm_status origin_settle(struct ltm_config *config, struct ltm_error *error);

/* Over initial weights, laid out by `table`, write those that run.from has by the same name: a checkpoint, a run's best one, or a
 * model.safetensors. If the run has k times its layers, layer l is layer l mod L there. Weights without a counterpart
 * are unchanged. Reports to the watch what was carried over, what is new and what was left out; run.from_digest is
 * checked, or becomes that of the file. `digest`: of the run's tokenizer, or "". LTM_MISMATCH if the tokenizer, width,
 * heads or a shape differ. */
ltm_status origin_read(float *weights, const struct weight_table *table, struct ltm_config *config, const char *digest,
                       const struct ltm_watch *watch, struct ltm_error *error);
