/* Whether a run may resume: only with its original configuration, except for keys that change no result. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"

/* LTM_MISMATCH that names the first key whose value matters and differs between `was` and `is`, both resolved, for a run that has gone
 * through `step` slow steps. **decayed, unless NULL: only run.tokens differs, and rates depended on it: an earlier
 * checkpoint may be usable. */
ltm_status resume_check(const struct ltm_config *was, const struct ltm_config *is, int64_t step, bool *decayed,
                        struct ltm_error *error);

/* The step at which the stable part of slow.schedule = wsd ends: from its checkpoint a longer run resumes
 * bit-exactly. 0 = none. */
int64_t resume_stable_step(const struct ltm_config *config);

/* Called by all processes: LTM_MISMATCH, in all of them, that names the first process and key whose value differs from process 0's;
 * or the program, or the inputs, identified by `inputs` (less than 64 bytes): the corpus, and with `scores` the model.
 * Threads and the paths of the corpus, eval.dump and a scored run may differ, and in training the keys that only ltm
 * eval uses. */
ltm_status processes_check_config(const struct ltm_config *config, const char *inputs, bool scores,
                                  struct ltm_error *error);
