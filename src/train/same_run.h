/* May a run go on? Only with the configuration that it began with, save for what changes no result. */
#ifndef TRAIN_SAME_RUN_H
#define TRAIN_SAME_RUN_H

#include "ltm/config.h"

/* LTM_MISMATCH that names the first key whose value matters and differs between `was` and `is`, both resolved. */
ltm_status same_run(const struct ltm_config *was, const struct ltm_config *is, struct ltm_error *error);

#endif
