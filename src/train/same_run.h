/* May a run go on? Only with the configuration that it began with, save for what changes no result. */
#ifndef TRAIN_SAME_RUN_H
#define TRAIN_SAME_RUN_H

#include "ltm/config.h"

/* LTM_MISMATCH that names the first key whose value matters and differs between `was` and `is`, both resolved. */
ltm_status same_run(const struct ltm_config *was, const struct ltm_config *is, struct ltm_error *error);

/* Called by all processes: LTM_MISMATCH, in all of them, that names the first process and key whose value differs from process 0's;
 * or the program, or the corpus (known by `corpus`, less than 64 bytes). Threads, where the corpus lies and what only
 * ltm eval asks for may differ. */
ltm_status same_everywhere(const struct ltm_config *config, const char *corpus, struct ltm_error *error);

#endif
