/* What a build without liblbfgs has in place of minimise_lbfgs.c. */
#include "lab/minimise.h"

#if !LTM_LBFGS

bool minimise_available(void) { return false; }

ltm_status minimise(minimise_function function, const void *context, double *x, int count, int iterations,
                    double *value, struct ltm_error *error) {
    (void)function, (void)context, (void)x, (void)count, (void)iterations, (void)value;
    return fail(
        error, LTM_UNSUPPORTED,
        "this build of ltm fits no scaling laws, because it is without liblbfgs; install liblbfgs-dev and build again");
}

#endif
