/* Minimising a smooth function: L-BFGS, by liblbfgs if the build has it. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

enum { MINIMISE_MOST = 16 }; /* variables */

/* Value at x, gradient[count] =. */
typedef double (*minimise_function)(const void *context, const double *x, double *gradient, int count);

/* Whether the build can. */
bool minimise_available(void);

/* From x, at most `iterations`; x and *value become the best point found. A start without a descent step stays. */
ltm_status minimise(minimise_function function, const void *context, double *x, int count, int iterations,
                    double *value, struct ltm_error *error);
