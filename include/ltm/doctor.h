/* The machine as training meets it: what it has, how fast it is, what is wrong with it and how to mend that.
 *
 *     struct ltm_machine machine;
 *     ltm_doctor(&(struct ltm_doctor_options){.measure = true}, &machine);
 *     for (int i = 0; i < machine.findings; i++) puts(machine.finding[i].text);
 *
 * Plain values throughout; nothing in them is owned. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/status.h"

LTM_C_BEGIN

struct ltm_doctor_options {
    int threads;  /* how many a run would take; 0 = one a core */
    bool measure; /* speeds too: takes about two seconds and 200 MB */
};

/* Products of matrices in one precision. */
struct ltm_matrix_speed {
    bool available;
    bool correct;      /* products agree with plain ones; false where not available */
    char missing[128]; /* why it is not available, behind "because"; empty where it is */
    double one, all;   /* floating-point operations a second: one thread, all threads each on a product of its own;
                          NaN = not measured */
};

enum ltm_finding_kind {
    LTM_FINDING_NOTE,   /* nothing is to be done */
    LTM_FINDING_ADVICE, /* slower than it could be, or likely to fail; the text says how to mend it */
    LTM_FINDING_FAULT   /* results would be wrong */
};

struct ltm_finding {
    int kind; /* enum ltm_finding_kind */
    char text[400];
};

enum { LTM_FINDINGS_MOST = 16 };

struct ltm_machine {
    char version[32], commit[64];   /* of this program; "unknown" where it was built without git */
    char compiler[96], flags[1024]; /* that it was built with */
    char system[160];               /* "Linux 6.1.0-18-amd64, glibc 2.36" */
    char processor[128];
    char instructions[96]; /* those that matter to matrix products: "avx2 avx512 amx_bf16" */
    int cores;             /* that this process may use */
    int threads;           /* that were asked for, and measured */
    double quota; /* cores' worth of time that control groups (containers, batch systems) grant; 0 = no limit */

    int64_t memory_total, memory_limit,
        memory_available;                /* bytes; limit: of control groups, 0 = none; -1 = not known */
    double bandwidth_one, bandwidth_all; /* bytes a second, one thread and all (STREAM triad); NaN = not measured */

    char openblas[160];                              /* version and build */
    char openblas_kernel[32], openblas_detected[32]; /* the one in use, the one it chose by itself */
    char onednn[64];                                 /* "oneDNN 2.6.3", or "none" */
    char libmicrohttpd[64];                          /* that ltm serve answers by, or "none" */
    char libarchive[64], libxml2[64];                /* that inputs are unpacked and HTML is read by, or "none" */
    char mpi[96];                                    /* "Open MPI v4.1.4", or "none" */
    struct ltm_matrix_speed fp32, bf16;

    int findings;
    struct ltm_finding finding[LTM_FINDINGS_MOST];
};

/* Never fails: what cannot be found out is empty, NaN or -1. Products must not be under way in other threads. */
void ltm_doctor(const struct ltm_doctor_options *options, struct ltm_machine *machine);

/* *json becomes an indented JSON object that the caller frees; what is not known is null. LTM_MEMORY. */
ltm_status ltm_machine_json(const struct ltm_machine *machine, char **json, struct ltm_error *error);

LTM_C_END
