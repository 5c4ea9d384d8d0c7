/* The checkpoints of a run's folder: names, links, which of them stay, and the way back to an earlier one. Process 0's. */
#pragma once

#include "ltm/config.h"
#include "ltm/watch.h"
#include "train/checkpoint_state.h"

enum { CHECKPOINT_NAME = 32 };

void checkpoint_step_name(char name[CHECKPOINT_NAME], int64_t step);

/* Point `last` at state->step and `best` at state->best_step. Remove all checkpoints but the two newest, the best, every
 * run.keep_every-th step's and that of resume_stable_step, and what a killed process left half made. */
ltm_status checkpoint_folder_tidy(const char *checkpoints, const struct checkpoint_state *state,
                                  const struct ltm_config *config, struct ltm_error *error);

/* A run of `tokens` goes on as a longer one from the checkpoint of state->step. What came behind it moves to run/tokens-N, with copies of
 * configuration and log: a run's folder like others, with the model that the shorter run ended with. The best is then sought anew: that of before
 * may be among what moved. Where it is killed within, the next call does the rest. */
ltm_status checkpoint_folder_go_back(const char *run, int64_t tokens, const struct ltm_config *config,
                                     struct checkpoint_state *state, const struct ltm_watch *watch,
                                     struct ltm_error *error);
