/* The groups that a batch is cut into: what a thread takes at a time, and what sums are made of. */
#pragma once

#include "ltm/config.h"

/* Groups of a batch, of which the last may be smaller; also where slow.group is auto. */
int slow_groups(const struct ltm_config *config);
