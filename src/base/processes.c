/* The public names of the functions of processes_mpi.c or processes_none.c. */
#include "base/processes.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/numbers.h"
#include "ltm/processes.h"

/* Open MPI's mpirun, that of MPICH and its kin, MVAPICH's, srun. Of Slurm's only what srun sets for a step: a batch script has
 * SLURM_NTASKS too, and a program that it starts by itself is alone. */
static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS",
                                    NULL};
static const char *const ranks[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID", NULL};

static int number_in(const char *const *names, int otherwise) {
    for (; *names; names++) {
        const char *text = getenv(*names);
        int64_t number;
        if (text && number_parse_integer(text, &number) && number >= 0 && number < 1 << 30) return (int)number;
    }
    return otherwise;
}

int launched_count(void) {
    const int size = number_in(sizes, 1);
    return size < 1 ? 1 : size;
}

int launched_rank(void) { return launched_count() > 1 ? number_in(ranks, 0) : 0; }

void ltm_processes_forget(void) {
    for (const char *const *name = sizes; *name; name++) unsetenv(*name);
    for (const char *const *name = ranks; *name; name++) unsetenv(*name);
}

ltm_status ltm_processes_start(struct ltm_error *error) { return processes_start(error); }

void ltm_processes_end(int code) { processes_end(code); }

int ltm_processes_rank(void) { return processes_rank(); }

int ltm_processes_launched(void) { return launched_count(); }

int ltm_processes_launched_rank(void) { return launched_rank(); }

ltm_status ltm_processes_agree(ltm_status status, struct ltm_error *error) { return processes_agree(status, error); }

bool ltm_processes_broken(void) { return processes_broken(); }
