/* Problems of a machine, derived from what is known of it, without inspection or measurement. */
#pragma once

#include "base/processor.h"
#include "ltm/doctor.h"
#include "math/openblas.h"

/* Inputs of the findings besides the machine itself. */
struct doctor_facts {
    struct processor processor;
    struct openblas_state openblas;
    int online;                    /* cores of the machine */
    int omp_threads;               /* the environment's OMP_NUM_THREADS; 0 = not set */
    int omp_limit;                 /* and OMP_THREAD_LIMIT */
    bool onednn_limited;           /* ONEDNN_MAX_CPU_ISA or DNNL_MAX_CPU_ISA is set */
    bool built_avx2, built_avx512; /* what this program was compiled for */
    double share;                  /* the share of processor time that fp32 products got; NaN = not measured */
};

/* Fills machine->finding from the rest of it. */
void doctor_find(struct ltm_machine *machine, const struct doctor_facts *facts);
