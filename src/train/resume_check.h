/* May a run go on? Only with the configuration that it began with, save for what changes no result. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"

/* LTM_MISMATCH that names the first key whose value matters and differs between `was` and `is`, both resolved, for a run that has gone
 * through `step` slow steps. *decayed, unless NULL: nothing but run.tokens, on which their rates depended: an earlier checkpoint may do. */
ltm_status resume_check(const struct ltm_config *was, const struct ltm_config *is, int64_t step, bool *decayed,
                        struct ltm_error *error);

/* The step at which the stable part of slow.schedule = wsd ends: from its checkpoint a longer run goes on to the bits that it would have
 * had. 0 = there is none. */
int64_t resume_stable_step(const struct ltm_config *config);

/* Called by all processes: LTM_MISMATCH, in all of them, that names the first process and key whose value differs from process 0's;
 * or the program, or what is read, known by `inputs` (less than 64 bytes): the corpus, and the model where there are `scores` to be
 * made. Threads and where the corpus, eval.dump and a scored run lie may differ, and in training what only ltm eval asks for. */
ltm_status processes_check_config(const struct ltm_config *config, const char *inputs, bool scores,
                                  struct ltm_error *error);
