/* Replaces processes_mpi.c in a build without MPI: one process, which is alone. */
#include "base/processes.h"

#if !LTM_MPI

#pragma GCC diagnostic ignored "-Wunused-parameter"

#include "base/limits.h"

ltm_status processes_start(struct ltm_error *error) {
    if (launched_count() == 1) return LTM_OK;
    return fail(error, LTM_UNSUPPORTED,
                "started as one of %d processes, but this ltm was built without MPI; install libopenmpi-dev and "
                "openmpi-bin (or your cluster's MPI, with mpicc in the path) and run make again, or start one process",
                launched_count());
}

void processes_end(int code) { (void)code; }

int processes_count(void) { return 1; }

int processes_rank(void) { return 0; }

int processes_here(void) { return 1; }

int processes_threads(void) { return processors_granted(""); }

bool processes_broken(void) { return false; }

void processes_give_up(void) {}

ltm_status processes_agree(ltm_status status, struct ltm_error *error) { return status; }

bool processes_any(bool here) { return here; }

double processes_sum(double here) { return here; }

ltm_status processes_broadcast(void *data, size_t bytes, struct ltm_error *error) { return LTM_OK; }

ltm_status processes_merge(void *data, size_t bytes, struct ltm_error *error) { return LTM_OK; }

static ltm_status alone(struct ltm_error *error) {
    return fail(error, LTM_UNSUPPORTED, "there is no other process: this ltm was built without MPI");
}

ltm_status processes_send(int to, const void *data, size_t bytes, struct ltm_error *error) { return alone(error); }

ltm_status processes_receive(int from, void *data, size_t bytes, struct ltm_error *error) { return alone(error); }

ltm_status processes_share(float *data, const size_t *begin, const size_t *end, struct ltm_error *error) {
    return LTM_OK;
}

ltm_status processes_share_end(struct ltm_error *error) { return LTM_OK; }

ltm_status transfers_create(struct transfers **transfers, struct ltm_error *error) {
    *transfers = NULL;
    return alone(error);
}

void transfers_free(struct transfers *transfers) { (void)transfers; }

ltm_status transfers_send(struct transfers *transfers, int id, int to, int tag, const float *data, size_t count,
                          struct ltm_error *error) {
    return alone(error);
}

ltm_status transfers_receive(struct transfers *transfers, int id, int from, int tag, float *data, size_t count,
                             struct ltm_error *error) {
    return alone(error);
}

ltm_status transfers_test(struct transfers *transfers, const int **ids, int *count, struct ltm_error *error) {
    *count = 0;
    return alone(error);
}

const char *processes_library(void) { return "none"; }

#endif
