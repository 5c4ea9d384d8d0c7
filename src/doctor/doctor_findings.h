/* What is wrong with a machine, from what is known of it: no measuring, no looking. */
#pragma once

#include "base/processor.h"
#include "ltm/doctor.h"
#include "math/openblas.h"

/* What findings rest on beside the machine itself. */
struct doctor_facts {
    struct processor processor;
    struct openblas_state openblas;
    int online;                    /* cores of the machine */
    int omp_threads;               /* the environment's OMP_NUM_THREADS; 0 = not set */
    int omp_limit;                 /* and OMP_THREAD_LIMIT */
    bool onednn_limited;           /* ONEDNN_MAX_CPU_ISA or DNNL_MAX_CPU_ISA is set */
    bool built_avx2, built_avx512; /* what this program was compiled for */
    double share; /* of the processor time that fp32 products asked for, what they got; NaN = not measured */
};

/* Fills machine->finding from all else in it. */
void doctor_find(struct ltm_machine *machine, const struct doctor_facts *facts);
