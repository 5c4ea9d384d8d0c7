/* A run and its machine: whether it fits, and a description of the machine in the run's folder. */
#pragma once

#include "base/limits.h"
#include "ltm/config.h"
#include "ltm/doctor.h"
#include "ltm/watch.h"

/* LTM_MEMORY if training needs more than `limits` allow, with both figures and what to lower. config must not contain
 * auto. */
ltm_status run_machine_check(const struct ltm_config *config, const struct memory_limits *limits,
                             struct ltm_error *error);

/* Inspect the machine without measuring it, report to `watch` what should be fixed, and write machine.json
 * (ltm_machine_json) into the run's folder. `speed` is the speed of all threads' products in run.precision, in flop/s.
 * If a run resumes at slow step `step` with another build, processor or library, which may change bits, that is
 * reported, and the old description stays as machine-until-STEP.json. */
ltm_status run_machine_keep(const struct ltm_config *config, int64_t step, double speed, const struct ltm_watch *watch,
                            struct ltm_error *error);
