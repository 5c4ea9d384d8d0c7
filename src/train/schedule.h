/* slow.schedule: the rate of the slow steps. To add one: a row in schedule.c and a constant in enum ltm_slow_schedule (ltm/config.h). */
#pragma once

#include "ltm/config.h"

/* Where the batch grows, steps are counted in whole batches (train/growth.h).
 *
 * Rate of slow step `step` (from 0) of `steps`: linear warm-up to lr, with wsd a stable part at lr, then from lr down to lr_min. */
double slow_rate(const struct ltm_slow_config *config, double step, double steps);

/* The number of first steps whose rates do not depend on the total number. */
double slow_steady_steps(const struct ltm_slow_config *config, double steps);
