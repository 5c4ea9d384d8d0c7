/* OpenBLAS's choice of a kernel, and what is done where it is a bad one.
 *
 * When it is loaded, OpenBLAS looks up the processor in its own list. One that is newer than the list becomes a `Prescott` of
 * 2004 or the like: a fifth of the speed (0.3.21 on Sapphire Rapids: 34 in place of 165 GFLOP/s a thread). The environment
 * variable OPENBLAS_CORETYPE would name another kernel, but it is read before main begins. So the choice is made again: set
 * the variable, have OpenBLAS's own gotoblas_dynamic_quit and _init read it, take it away again. Both are exported by every
 * build of OpenBLAS that has more than one kernel; where they are missing, nothing is changed.
 *
 * What the user asked for with OPENBLAS_CORETYPE stays. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/processor.h"

struct openblas_state {
    char detected[32]; /* the kernel that OpenBLAS began with */
    char kernel[32];   /* the one that it has now */
    char setting[32];  /* the user's OPENBLAS_CORETYPE; empty = none */
    bool correct;      /* the kernel that it has now computes what the check expects */
    bool wrong_first;  /* the one that it began with did not */
    char better[32];   /* a kernel that suits the processor better than the one it has now; empty = none */
};

enum { OPENBLAS_CANDIDATES = 4 };

/* Kernels to try in place of `kernel`, best first, until one computes right results: the faster ones when it does itself
 * (`correct`), all others that the processor can run when it does not; none for a user who has a setting. */
size_t openblas_candidates(const char *candidates[OPENBLAS_CANDIDATES], const struct processor *processor,
                           const char *kernel, const char *setting, bool correct);

/* Give OpenBLAS the best kernel that passes `check`, and one thread a product. While no product runs. */
void openblas_settle(struct openblas_state *state, const struct processor *processor, bool (*check)(void));

/* Its own account of how it was built: "OpenBLAS 0.3.21 DYNAMIC_ARCH …". */
const char *openblas_config(void);
