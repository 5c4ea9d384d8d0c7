/* The groups that a batch is cut into: a thread takes one at a time, and sums are taken over groups. */
#pragma once

#include "ltm/config.h"

/* Groups in a batch; the last may be smaller. Works with slow.group = auto, too. */
int slow_groups(const struct ltm_config *config);
