/* Prompts: shots, then the question. */
#pragma once

#include "tasks/task.h"

/* The description, `shots` solved items of the training split, each followed by the separator, then the item's context (that of the
 * choice, where each has one). Which shots and in what
 * order follows from (seed, item), fewer being the first of more; never the item itself. The caller frees *text. LTM_INVALID
 * where there are not enough. */
ltm_status prompt_make(char **text, const struct task *task, int64_t item, int choice, int shots, uint64_t seed,
                       struct ltm_error *error);
