/* The checkpoints of a run's folder: names, links, which of them to keep, and going back to an earlier one. Called by
 * process 0. */
#pragma once

#include "ltm/config.h"
#include "ltm/watch.h"
#include "train/checkpoint_state.h"

enum { CHECKPOINT_NAME = 32 };

void checkpoint_step_name(char name[CHECKPOINT_NAME], int64_t step);

/* Point `last` at state->step and `best` at state->best_step. Remove all checkpoints but the two newest, the best, every
 * run.keep_every-th step's and that of resume_stable_step, and incomplete ones of a killed process. */
ltm_status checkpoint_folder_tidy(const char *checkpoints, const struct checkpoint_state *state,
                                  const struct ltm_config *config, struct ltm_error *error);

/* Extends a run of `tokens` from the checkpoint of state->step. Later checkpoints move to run/tokens-N, with copies of
 * configuration and log: an ordinary run folder with the final model of the shorter run. The best is then searched
 * again, since the old one may have moved. If it is killed midway, the next call does the rest. */
ltm_status checkpoint_folder_go_back(const char *run, int64_t tokens, const struct ltm_config *config,
                                     struct checkpoint_state *state, const struct ltm_watch *watch,
                                     struct ltm_error *error);
