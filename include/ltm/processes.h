/* Several processes at one command, started together by mpirun or srun: they divide its work.
 *
 *     ltm_processes_start(&error);
 *     … ltm_train, ltm_eval, ltm_generate: every process makes the same calls …
 *     ltm_processes_end(code);
 *
 * A program that does not call ltm_processes_start, or was started by itself, is alone: all of this then costs nothing, and MPI is
 * not initialised. Calls come from the one thread that called ltm_processes_start. */
#pragma once

#include <stdbool.h>

#include "ltm/status.h"

LTM_C_BEGIN

/* Join the other processes that the environment tells of. LTM_UNSUPPORTED where there are others and the library was built
 * without MPI, or the launcher does not belong to its MPI. */
ltm_status ltm_processes_start(struct ltm_error *error);

/* Before the program ends. After a transfer has failed it ends all processes, with `code`, and does not return. */
void ltm_processes_end(int code);

int ltm_processes_rank(void); /* from 0; 0 is the one that writes files */

/* What the launcher's environment tells, also before ltm_processes_start and where it failed. */
int ltm_processes_launched(void); /* how many */
int ltm_processes_launched_rank(void);

/* Take that out of the environment: for a program that starts others, which are alone. */
void ltm_processes_forget(void);

/* All processes call it: the failure of the first that has one becomes everybody's, with its sentence. So none waits for another
 * that has given up. */
ltm_status ltm_processes_agree(ltm_status status, struct ltm_error *error);

/* A transfer has failed: this process's error is its own, the others do not know of it. */
bool ltm_processes_broken(void);

LTM_C_END
