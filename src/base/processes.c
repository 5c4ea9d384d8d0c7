/* The public names of what one of processes_mpi.c and processes_none.c does. */
#include "base/processes.h"

#include "base/launcher.h"
#include "ltm/processes.h"

ltm_status ltm_processes_start(struct ltm_error *error) { return processes_start(error); }

void ltm_processes_end(int code) { processes_end(code); }

int ltm_processes_rank(void) { return processes_rank(); }

int ltm_processes_launched(void) { return launched_count(); }

int ltm_processes_launched_rank(void) { return launched_rank(); }

ltm_status ltm_processes_agree(ltm_status status, struct ltm_error *error) { return processes_agree(status, error); }

bool ltm_processes_broken(void) { return processes_broken(); }
