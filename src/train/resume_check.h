/* May a run go on? Only with the configuration that it began with, save for what changes no result. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"

/* LTM_MISMATCH that names the first key whose value matters and differs between `was` and `is`, both resolved, for a run that has gone
 * through `step` slow steps. run.tokens may change where none of their rates depended on it. */
ltm_status resume_check(const struct ltm_config *was, const struct ltm_config *is, int64_t step,
                        struct ltm_error *error);

/* Called by all processes: LTM_MISMATCH, in all of them, that names the first process and key whose value differs from process 0's;
 * or the program, or what is read, known by `inputs` (less than 64 bytes): the corpus, and the model where there are `scores` to be
 * made. Threads and where the corpus, eval.dump and a scored run lie may differ, and in training what only ltm eval asks for. */
ltm_status processes_check_config(const struct ltm_config *config, const char *inputs, bool scores,
                                  struct ltm_error *error);
