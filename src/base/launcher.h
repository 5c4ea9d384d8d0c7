/* What the launcher's environment says, which holds with MPI and without. */
#pragma once

/* Also before processes_start: 1 and 0 for a process that was started by itself. */
int launched_count(void);
int launched_rank(void);
