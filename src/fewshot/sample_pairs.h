/* A model's own samples as pairs of answers, right and wrong, for slow.objective = dpo. */
#pragma once

#include "tasks/task.h"

/* From a journal in order, `samples`, write {"prompt", "chosen", "rejected"}: one line for each different wrong sample of an item,
 * beside one of its right ones, by turns, or the item's answer where there is none. Right is what the first filter says. */
ltm_status sample_pairs_write(const char *path, const char *samples, const struct task *task, struct ltm_error *error);
