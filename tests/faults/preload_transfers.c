/* A library to preload into each of ltm's processes under mpirun (Open MPI's) in one of which the n-th send of a transfer fails.
 *
 *     FAULT_RANK=r      in which process
 *     FAULT_CALL=n      which call of MPI_Isend, counted from 1 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>

int MPI_Isend(const void *data, int count, void *type, int to, int tag, void *processes, void **request);

static bool fails(void) {
    static long calls;
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    const char *failing = getenv("FAULT_RANK");
    const char *call = getenv("FAULT_CALL");
    if (!rank || !failing || !call || atoi(rank) != atoi(failing)) return false;
    return ++calls == atol(call);
}

int MPI_Isend(const void *data, int count, void *type, int to, int tag, void *processes, void **request) {
    enum { OTHER = 16 }; /* MPI_ERR_OTHER of Open MPI */
    const __typeof__(&MPI_Isend) send = (__typeof__(&MPI_Isend))dlsym(RTLD_NEXT, "MPI_Isend");
    return fails() ? OTHER : send(data, count, type, to, tag, processes, request);
}
