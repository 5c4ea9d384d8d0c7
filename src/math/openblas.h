/* OpenBLAS's choice of a kernel, and how a bad choice is corrected.
 *
 * When loaded, OpenBLAS looks up the processor in its own list. A processor newer than the list is treated as a
 * `Prescott` of 2004 or the like, at a fifth of the speed (0.3.21 on Sapphire Rapids: 34 instead of 165 GFLOP/s per
 * thread). The environment variable OPENBLAS_CORETYPE can name another kernel, but it is read before main starts. So
 * the choice is repeated: set the variable, call OpenBLAS's own gotoblas_dynamic_quit and _init to read it, unset it.
 * Every build of OpenBLAS with more than one kernel exports both; if they are missing, nothing changes.
 *
 * A user's OPENBLAS_CORETYPE is respected. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/processor.h"

struct openblas_state {
    char detected[32]; /* the kernel that OpenBLAS started with */
    char kernel[32];   /* the current kernel */
    char setting[32];  /* the user's OPENBLAS_CORETYPE; empty = none */
    bool correct;      /* the current kernel passes the check */
    bool wrong_first;  /* the initial kernel did not */
    char better[32];   /* a kernel that suits the processor better than the current one; empty = none */
};

enum { OPENBLAS_CANDIDATES = 4 };

/* Kernels to try in place of `kernel`, best first, until one is correct: the faster ones if it is correct itself
 * (`correct`), otherwise all others that the processor can run; none if the user has chosen one. */
size_t openblas_candidates(const char *candidates[OPENBLAS_CANDIDATES], const struct processor *processor,
                           const char *kernel, const char *setting, bool correct);

/* Give OpenBLAS the best kernel that passes `check`, and one thread per product. Call while no product runs. */
void openblas_settle(struct openblas_state *state, const struct processor *processor, bool (*check)(void));

/* Its own build description: "OpenBLAS 0.3.21 DYNAMIC_ARCH …". */
const char *openblas_config(void);
