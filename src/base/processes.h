/* Several processes at work on one command, started together by mpirun or srun. Only this module uses MPI (MPI-3).
 *
 * A process started by itself is alone: count 1, rank 0, every call below returns at once, and MPI is not
 * initialised. Calls marked COLLECTIVE must be made by all processes in the same order. All calls must come from the
 * thread that called processes_start. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What the launcher's environment says, with MPI and without, also before processes_start: 1 and 0 for a process
 * started by itself. */
int launched_count(void);
int launched_rank(void);

/* Join the other processes, if the environment says that there are any. LTM_UNSUPPORTED if there are but this build
 * has no MPI, or the launcher does not match the MPI library. Calls after the first do nothing. */
ltm_status processes_start(struct ltm_error *error);

/* Leave them, at the end of a program: together with the others, or, after a failed transfer, ending them too (with
 * `code`). */
void processes_end(int code);

int processes_count(void);
int processes_rank(void); /* 0 prints, logs and writes */

/* Processes on this machine; threads that are this process's share of the cores it may use. */
int processes_here(void);
int processes_threads(void);

/* A transfer failed: the processes can no longer agree on anything, and processes_end ends them all. */
bool processes_broken(void);

/* After a failure that cannot be sent to the others, because they wait for something else: as after a failed
 * transfer. */
void processes_give_up(void);

/* COLLECTIVE. The failure of the lowest rank that has one becomes everybody's; its message says which process it
 * was. */
ltm_status processes_agree(ltm_status status, struct ltm_error *error);

/* COLLECTIVE. True if it is true in any. */
bool processes_any(bool here);

/* COLLECTIVE. A sum in the order of ranks. */
double processes_sum(double here);

/* COLLECTIVE. Rank 0's bytes for everybody. */
ltm_status processes_broadcast(void *data, size_t bytes, struct ltm_error *error);

/* COLLECTIVE. Merges an array of which each process has filled some bytes and left the others zero. */
ltm_status processes_merge(void *data, size_t bytes, struct ltm_error *error);

/* Point to point; the other side makes the matching call, with the same number of bytes. */
ltm_status processes_send(int to, const void *data, size_t bytes, struct ltm_error *error);
ltm_status processes_receive(int from, void *data, size_t bytes, struct ltm_error *error);

/* COLLECTIVE. Everybody gets every part: floats [begin[r], end[r]) of `data` are rank r's to give, at most 2^31 in all. Several
 * are under way at a time; processes_share_end waits for the last of them. */
ltm_status processes_share(float *data, const size_t *begin, const size_t *end, struct ltm_error *error);
ltm_status processes_share_end(struct ltm_error *error);

/* Transfers under way, each identified by an id of its user's. Between the same two processes those of one tag arrive
 * in the order in which they were started. */
struct transfers;

ltm_status transfers_create(struct transfers **transfers, struct ltm_error *error);
void transfers_free(struct transfers *transfers);
ltm_status transfers_send(struct transfers *transfers, int id, int to, int tag, const float *data, size_t count,
                          struct ltm_error *error);
ltm_status transfers_receive(struct transfers *transfers, int id, int from, int tag, float *data, size_t count,
                             struct ltm_error *error);

/* Without waiting: the ids of those that have finished since, *count of them, until the next call. */
ltm_status transfers_test(struct transfers *transfers, const int **ids, int *count, struct ltm_error *error);

enum { TRANSFERS_MOST_TAGS = 32767 }; /* tags are below it: what MPI promises */

/* Also defined by processes_mpi.c or processes_none.c. */
const char *processes_library(void); /* "Open MPI v4.1.4 …", or "none" */
