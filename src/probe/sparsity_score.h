/* What the sparsity of states goes with: correlations over the items of a task, norm and length controlled for. */
#pragma once

#include "ltm/probe.h"
#include "probe/probe_features.h"
#include "tasks/task.h"

/* result->sparsity, over the task's items: `test` documents behind `train`. */
ltm_status probe_sparsity_score(struct ltm_probe_result *result, const struct probe_features *features,
                                const struct task *task, int train, int test, struct ltm_error *error);
