/* How many loops of the core a slow step runs, with loop.depth = sampled (Geiping et al., 2025): 1 + Poisson(rate), log rate from
 * N(log r - s²/2, s²), s = 0.5, r what runs otherwise, so 1 + r on average; at most LTM_LOOP_DEPTH_TIMES times model.loops. One number a slow
 * step, drawn by the run's seed and the step. Before loops begin (loop.start) it is one. */
#pragma once

#include <stdint.h>

#include "ltm/config.h"

/* At slow step `step`, with `loops` grown so far; and the mean, ignoring that limit. */
int depth_at(const struct ltm_config *config, int loops, int64_t step);
int depth_mean(const struct ltm_config *config, int loops);

/* The model with as many loops as training may run: the sizes of its decoder and workspaces. */
struct ltm_model_config depth_model(const struct ltm_config *config);
