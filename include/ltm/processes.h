/* Several processes for one command, started together by mpirun or srun: they divide its work.
 *
 *     ltm_processes_start(&error);
 *     … ltm_train, ltm_eval, ltm_generate: every process makes the same calls …
 *     ltm_processes_end(code);
 *
 * A program that does not call ltm_processes_start, or was not started by a launcher, is alone: all of this then costs nothing, and
 * MPI is not initialised. All calls must come from the thread that called ltm_processes_start. */
#pragma once

#include <stdbool.h>

#include "ltm/status.h"

LTM_C_BEGIN

/* Join the other processes that the launcher's environment describes. LTM_UNSUPPORTED if there are others and the library was built
 * without MPI, or the launcher belongs to another MPI. */
ltm_status ltm_processes_start(struct ltm_error *error);

/* Call it before the program ends. If a transfer has failed, it ends all processes with `code` and does not return. */
void ltm_processes_end(int code);

int ltm_processes_rank(void); /* from 0; 0 is the one that writes files */

/* From the launcher's environment, even before ltm_processes_start and if it failed. */
int ltm_processes_launched(void); /* how many */
int ltm_processes_launched_rank(void);

/* Remove that from the environment: for a program that starts others, which are to run alone. */
void ltm_processes_forget(void);

/* All processes call it: the first failure, in order of rank, becomes everybody's, with its message. So no process waits for one
 * that has given up. */
ltm_status ltm_processes_agree(ltm_status status, struct ltm_error *error);

/* Whether a transfer has failed: then this process's error is its own, unknown to the others. */
bool ltm_processes_broken(void);

LTM_C_END
