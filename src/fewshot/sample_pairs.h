/* A model's own samples as pairs of answers, right and wrong, for slow.objective = dpo. */
#pragma once

#include "tasks/task.h"

/* From a journal in order, `samples`, write {"prompt", "chosen", "rejected"}: one line for each different wrong sample of an item,
 * with one of its right ones in turn, or the item's answer if there is none. The first filter decides what is right. */
ltm_status sample_pairs_write(const char *path, const char *samples, const struct task *task, struct ltm_error *error);
