/* The machine as training will use it: what it has, how fast it is, what is wrong with it and how to fix that.
 *
 *     struct ltm_machine machine;
 *     ltm_doctor(&(struct ltm_doctor_options){.measure = true}, &machine);
 *     for (int i = 0; i < machine.findings; i++) puts(machine.finding[i].text);
 *
 * All are plain values that own nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/status.h"

LTM_C_BEGIN

struct ltm_doctor_options {
    int threads;  /* that a run would use; 0 = one per core */
    bool measure; /* measure speeds too, which takes about two seconds and 200 MB */
};

/* Matrix products in one precision. */
struct ltm_matrix_speed {
    bool available;
    bool correct;      /* products agree with plain ones; false if not available */
    char missing[128]; /* why it is not available, to follow "because"; empty if it is available */
    double one, all;   /* floating-point operations per second: one thread; all threads, each on its own product;
                          NaN = not measured */
};

enum ltm_finding_kind {
    LTM_FINDING_NOTE,   /* no action needed */
    LTM_FINDING_ADVICE, /* slower than it could be, or likely to fail; the text says how to fix it */
    LTM_FINDING_FAULT   /* results would be wrong */
};

struct ltm_finding {
    int kind; /* enum ltm_finding_kind */
    char text[400];
};

enum { LTM_FINDINGS_MOST = 16 };

struct ltm_machine {
    char version[32], commit[64];   /* of this program; "unknown" if built without git */
    char compiler[96], flags[1024]; /* of the build */
    char system[160];               /* "Linux 6.1.0-18-amd64, glibc 2.36" */
    char processor[128];
    char instructions[96]; /* those relevant to matrix products: "avx2 avx512 amx_bf16" */
    int cores;             /* that this process may use */
    int threads;           /* requested, and measured */
    double quota;          /* CPU time granted by control groups (containers, batch systems), in cores; 0 = no limit */

    int64_t memory_total, memory_limit, memory_available; /* bytes; limit: of control groups, 0 = none; -1 = unknown */
    double bandwidth_one, bandwidth_all; /* bytes per second, one thread and all (STREAM triad); NaN = not measured */

    char openblas[160];                              /* version and build */
    char openblas_kernel[32], openblas_detected[32]; /* the kernel in use, the kernel that OpenBLAS chose */
    char onednn[64];                                 /* "oneDNN 2.6.3", or "none" */
    char libmicrohttpd[64];                          /* that ltm serve answers by, or "none" */
    char libarchive[64], libxml2[64];                /* that inputs are unpacked and HTML is read by, or "none" */
    char mpi[96];                                    /* "Open MPI v4.1.4", or "none" */
    struct ltm_matrix_speed fp32, bf16;

    int findings;
    struct ltm_finding finding[LTM_FINDINGS_MOST];
};

/* Never fails: unknown values are empty, NaN or -1. No other thread may compute matrix products meanwhile. */
void ltm_doctor(const struct ltm_doctor_options *options, struct ltm_machine *machine);

/* Set *json to an indented JSON object, which the caller frees; unknown values are null. LTM_MEMORY. */
ltm_status ltm_machine_json(const struct ltm_machine *machine, char **json, struct ltm_error *error);

LTM_C_END
