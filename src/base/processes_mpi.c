/* Processes over MPI-3. Uses only calls that every implementation has. The global state of MPI is kept here, once. */
#include "base/processes.h"

#if LTM_MPI

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mpi.h>

#include "base/limits.h"
#include "base/memory.h"

enum { SHARES = 16 }; /* under way at a time */

static struct {
    bool started, broken;
    int count, rank, here, threads;
    MPI_Request share[SHARES];
    int *layout[SHARES]; /* counts and displacements of each, which MPI reads until it is done */
    int shares;
} job = {.count = 1, .here = 1};

/* Errors are returned as codes; after one, the state is undefined. */
static ltm_status check(int code, const char *doing, struct ltm_error *error) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length;
    if (code == MPI_SUCCESS) return LTM_OK;
    MPI_Error_string(code, text, &length);
    job.broken = true;
    return fail(error, LTM_EXTERNAL,
                "process %d of %d could not %s (MPI: %.300s): another process may have ended or the network failed; "
                "the last checkpoint is intact; the same command resumes from it",
                job.rank, job.count, doing, text);
}

/* Of cores that several processes on this machine may use, each takes its share. */
static int share_of_cores(MPI_Comm machine) {
    int mine[CPU_SETSIZE] = {0};
    int all[CPU_SETSIZE];
    double share = 0;
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0) return processors_granted("") / job.here;
    for (int i = 0; i < CPU_SETSIZE; i++) mine[i] = CPU_ISSET(i, &cores) ? 1 : 0;
    if (MPI_Allreduce(mine, all, CPU_SETSIZE, MPI_INT, MPI_SUM, machine) != MPI_SUCCESS) return 1;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (mine[i]) share += 1.0 / all[i];
    return (int)(fmin(share, (double)processors_granted("") / job.here) + 0.01);
}

static ltm_status look_around(struct ltm_error *error) {
    MPI_Comm machine;
    PASS_UP(check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "begin", error));
    PASS_UP(check(MPI_Comm_size(MPI_COMM_WORLD, &job.count), "count processes", error));
    PASS_UP(check(MPI_Comm_rank(MPI_COMM_WORLD, &job.rank), "count processes", error));
    if (job.count != launched_count()) {
        const int count = job.count;
        job.count = 1; /* each for itself */
        job.rank = 0;
        return fail(error, LTM_UNSUPPORTED,
                    "started as one of %d processes, but MPI reports %d: the launcher does not "
                    "match the MPI library that ltm was built with (%.60s); use that library's own mpirun, or under "
                    "Slurm another srun --mpi (srun --mpi=list shows them)",
                    launched_count(), count, processes_library());
    }
    PASS_UP(check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine),
                  "count processes of this machine", error));
    PASS_UP(check(MPI_Comm_size(machine, &job.here), "count processes of this machine", error));
    const int threads = share_of_cores(machine);
    job.threads = threads < 1 ? 1 : threads;
    PASS_UP(check(MPI_Comm_free(&machine), "count processes of this machine", error));
    for (int i = 0; i < SHARES; i++) {
        job.share[i] = MPI_REQUEST_NULL;
        PASS_UP(NEW_ARRAY(job.layout[i], 2 * (size_t)job.count, "processes", error));
    }
    return LTM_OK;
}

ltm_status processes_start(struct ltm_error *error) {
    int level;
    if (job.started || launched_count() == 1) return LTM_OK;
    PASS_UP(check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level), "begin", error));
    job.started = true;
    ltm_status status = look_around(error);
    if (status == LTM_OK && level < MPI_THREAD_FUNNELED)
        status =
            fail(error, LTM_UNSUPPORTED, "this MPI library (%.60s) does not support threads; use another build of it",
                 processes_library());
    return status;
}

void processes_end(int code) {
    if (!job.started) return;
    if (job.broken) MPI_Abort(MPI_COMM_WORLD, code ? code : 1);
    for (int i = 0; i < SHARES; i++) free(job.layout[i]);
    MPI_Finalize();
    job.started = false;
}

int processes_count(void) { return job.count; }

int processes_rank(void) { return job.rank; }

int processes_here(void) { return job.here; }

int processes_threads(void) { return job.started ? job.threads : processors_granted(""); }

bool processes_broken(void) { return job.broken; }

void processes_give_up(void) { job.broken = job.started; }

ltm_status processes_agree(ltm_status status, struct ltm_error *error) {
    struct ltm_error first = {.code = LTM_EXTERNAL};
    char host[MPI_MAX_PROCESSOR_NAME + 1] = "";
    char said[sizeof first.message];
    int length;
    int failed = status == LTM_OK ? job.count : job.rank;
    int lowest = job.count;
    if (job.count == 1 || job.broken) return status;
    ltm_status broken = check(MPI_Allreduce(&failed, &lowest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD), "agree", error);
    if (broken != LTM_OK || lowest == job.count) return broken;
    if (lowest == job.rank) {
        if (error) first = *error;
        first.code = status;
        MPI_Get_processor_name(host, &length);
        memcpy(said, first.message, sizeof said);
        if (lowest > 0)
            snprintf(first.message, sizeof first.message, "process %d of %d, on %.100s: %.800s", lowest, job.count,
                     host, *said ? said : ltm_status_text(status));
    }
    broken = check(MPI_Bcast(&first, (int)sizeof first, MPI_BYTE, lowest, MPI_COMM_WORLD), "agree", error);
    if (broken != LTM_OK) return broken;
    if (error) *error = first;
    return first.code;
}

bool processes_any(bool here) {
    int any = here;
    if (job.count > 1) check(MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_LOR, MPI_COMM_WORLD), "agree", NULL);
    return any;
}

double processes_sum(double here) {
    double *all = NULL;
    double sum = 0;
    if (job.count == 1) return here;
    if (NEW_ARRAY(all, (size_t)job.count, "a sum", NULL) != LTM_OK) {
        job.broken = true; /* the others wait */
        return NAN;
    }
    check(MPI_Allgather(&here, 1, MPI_DOUBLE, all, 1, MPI_DOUBLE, MPI_COMM_WORLD), "add", NULL);
    for (int i = 0; i < job.count; i++) sum += all[i];
    free(all);
    return sum;
}

enum { MOST_BYTES = 1 << 30 }; /* MPI counts in int */

static int next_part(size_t bytes, size_t at) { return bytes - at < MOST_BYTES ? (int)(bytes - at) : MOST_BYTES; }

ltm_status processes_broadcast(void *data, size_t bytes, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (size_t at = 0; job.count > 1 && at < bytes && status == LTM_OK; at += MOST_BYTES)
        status = check(MPI_Bcast((char *)data + at, next_part(bytes, at), MPI_BYTE, 0, MPI_COMM_WORLD),
                       "take part in a broadcast", error);
    return status;
}

/* Bits that are zero in all processes except one pass through `or` unchanged: minus zero and NaN too. */
ltm_status processes_merge(void *data, size_t bytes, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (size_t at = 0; job.count > 1 && at < bytes && status == LTM_OK; at += MOST_BYTES)
        status = check(
            MPI_Allreduce(MPI_IN_PLACE, (char *)data + at, next_part(bytes, at), MPI_BYTE, MPI_BOR, MPI_COMM_WORLD),
            "gather results", error);
    return status;
}

ltm_status processes_send(int to, const void *data, size_t bytes, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (size_t at = 0; at < bytes && status == LTM_OK; at += MOST_BYTES)
        status = check(
            MPI_Send((const char *)data + at, next_part(bytes, at), MPI_BYTE, to, TRANSFERS_MOST_TAGS, MPI_COMM_WORLD),
            "send", error);
    return status;
}

ltm_status processes_receive(int from, void *data, size_t bytes, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (size_t at = 0; at < bytes && status == LTM_OK; at += MOST_BYTES)
        status = check(MPI_Recv((char *)data + at, next_part(bytes, at), MPI_BYTE, from, TRANSFERS_MOST_TAGS,
                                MPI_COMM_WORLD, MPI_STATUS_IGNORE),
                       "receive", error);
    return status;
}

ltm_status processes_share_end(struct ltm_error *error) {
    const int shares = job.shares;
    if (shares == 0) return LTM_OK;
    job.shares = 0;
    /* NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker): processes_share begins them. */
    return check(MPI_Waitall(shares, job.share, MPI_STATUSES_IGNORE), "share weights", error);
}

ltm_status processes_share(float *data, const size_t *begin, const size_t *end, struct ltm_error *error) {
    if (job.count == 1) return LTM_OK;
    if (job.shares == SHARES) PASS_UP(processes_share_end(error));
    int *counts = job.layout[job.shares];
    int *displacements = counts + job.count;
    for (int r = 0; r < job.count; r++) {
        counts[r] = (int)(end[r] - begin[r]);
        displacements[r] = (int)begin[r];
    }
    return check(MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, data, counts, displacements, MPI_FLOAT,
                                 MPI_COMM_WORLD, &job.share[job.shares++]),
                 "share weights", error);
}

/* ---- Transfers ---- */

/* The requests under way stand at the front of `requests`, each one's id beside it. */
struct transfers {
    MPI_Request *requests; /* [room] */
    int *ids;              /* [room_ids] */
    int *done;             /* [room_done] ids that the last test reported */
    int count;
    size_t room, room_ids, room_done;
};

ltm_status transfers_create(struct transfers **transfers, struct ltm_error *error) {
    return NEW_ARRAY(*transfers, 1, "transfers", error);
}

/* What is still under way after a failure stays MPI's: processes_end ends the program. */
void transfers_free(struct transfers *transfers) {
    if (!transfers) return;
    free(transfers->requests);
    free(transfers->ids);
    free(transfers->done);
    free(transfers);
}

static ltm_status no_room(ltm_status status) {
    job.broken = true; /* the others wait for it */
    return status;
}

/* Room for one more: the request about to start. */
static ltm_status next_request(MPI_Request **request, struct transfers *t, int id, struct ltm_error *error) {
    const size_t need = (size_t)t->count + 1;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): a request is a pointer in some libraries, a number in others. */
    ltm_status status = GROW_ARRAY(t->requests, t->room, need, "transfers", error);
    if (status == LTM_OK) status = GROW_ARRAY(t->ids, t->room_ids, need, "transfers", error);
    if (status != LTM_OK) return no_room(status);
    t->ids[t->count] = id;
    *request = &t->requests[t->count++];
    return LTM_OK;
}

ltm_status transfers_send(struct transfers *transfers, int id, int to, int tag, const float *data, size_t count,
                          struct ltm_error *error) {
    MPI_Request *request = NULL;
    PASS_UP(next_request(&request, transfers, id, error));
    return check(MPI_Isend(data, (int)count, MPI_FLOAT, to, tag, MPI_COMM_WORLD, request), "send", error);
}

ltm_status transfers_receive(struct transfers *transfers, int id, int from, int tag, float *data, size_t count,
                             struct ltm_error *error) {
    MPI_Request *request = NULL;
    PASS_UP(next_request(&request, transfers, id, error));
    return check(MPI_Irecv(data, (int)count, MPI_FLOAT, from, tag, MPI_COMM_WORLD, request), "receive", error);
}

ltm_status transfers_test(struct transfers *t, const int **ids, int *count, struct ltm_error *error) {
    *count = 0;
    ltm_status status = GROW_ARRAY(t->done, t->room_done, (size_t)t->count, "transfers", error);
    if (status != LTM_OK) return no_room(status);
    status = check(MPI_Testsome(t->count, t->requests, count, t->done, MPI_STATUSES_IGNORE), "transfer", error);
    if (status != LTM_OK || *count == MPI_UNDEFINED) *count = 0;
    for (int i = 0; i < *count; i++) t->done[i] = t->ids[t->done[i]];
    *ids = t->done;
    int left = 0;
    for (int i = 0; *count > 0 && i < t->count; i++) {
        if (t->requests[i] == MPI_REQUEST_NULL) continue;
        t->requests[left] = t->requests[i];
        t->ids[left++] = t->ids[i];
    }
    if (*count > 0) t->count = left;
    return status;
}

/* The first words of what it says of itself. */
const char *processes_library(void) {
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    if (!*text && MPI_Get_library_version(text, &length) == MPI_SUCCESS) text[strcspn(text, ",\n")] = 0;
    return text;
}

#endif
