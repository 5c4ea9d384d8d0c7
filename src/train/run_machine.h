/* A run and the machine that it is on: whether it fits, and an account of the machine in the run's folder. */
#pragma once

#include "base/limits.h"
#include "ltm/config.h"
#include "ltm/doctor.h"
#include "ltm/watch.h"

/* LTM_MEMORY where training needs more than `limits` leave, with both figures and what to lower. config has no auto in it. */
ltm_status run_machine_check(const struct ltm_config *config, const struct memory_limits *limits,
                             struct ltm_error *error);

/* Look at the machine without measuring it, tell `watch` what should be mended, and write machine.json (ltm_machine_json)
 * into the run's folder. `speed` is what all threads' products reach in run.precision, in flop/s. Where a run goes on, at slow
 * step `step`, with another build, processor or library than it had, of which bits may depend, the watch is told, and the account
 * of before stays as machine-until-STEP.json. */
ltm_status run_machine_keep(const struct ltm_config *config, int64_t step, double speed, const struct ltm_watch *watch,
                            struct ltm_error *error);
