/* The part of ltm_config_check about model.kind = solver. */
#pragma once

#include "ltm/config.h"

/* Applied layers: bounds the memory of a pass, since even a small file could ask for too many. */
enum { CONFIG_DEPTH_MOST = 4000 };

/* LTM_INVALID for keys that a solver does not have, and for a solver's keys of any other model. */
ltm_status config_check_solver(const struct ltm_config *config, struct ltm_error *error);
