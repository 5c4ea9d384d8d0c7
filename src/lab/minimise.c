#include "lab/minimise.h"

#if LTM_LBFGS

#include <lbfgs.h>
#include <math.h>

enum { WIDE = 16 }; /* liblbfgs with SSE needs a multiple of 8 variables: the padding has no gradient */

struct call {
    minimise_function function;
    const void *context;
    int count;
    double best, best_x[WIDE];
};

bool minimise_available(void) { return true; }

static lbfgsfloatval_t evaluate(void *instance, const lbfgsfloatval_t *x, lbfgsfloatval_t *gradient, const int n,
                                const lbfgsfloatval_t step) {
    struct call *call = instance;
    (void)step;
    for (int i = call->count; i < n; i++) gradient[i] = 0;
    const double value = call->function(call->context, x, gradient, call->count);
    if (isfinite(value) && value < call->best) {
        call->best = value;
        for (int i = 0; i < call->count; i++) call->best_x[i] = x[i];
    }
    /* A line search must turn back from here, and cannot do so from NaN or infinity. */
    return isfinite(value) ? value : 1e30;
}

ltm_status minimise(minimise_function function, const void *context, double *x, int count, int iterations,
                    double *value, struct ltm_error *error) {
    struct call call = {.function = function, .context = context, .count = count, .best = HUGE_VAL};
    _Alignas(16) lbfgsfloatval_t wide[WIDE] = {0};
    lbfgs_parameter_t settings;
    lbfgs_parameter_init(&settings);
    settings.max_iterations = iterations;
    settings.max_linesearch = 40;
    settings.epsilon = 1e-9;
    settings.past = 10; /* stop when ten steps have changed a millionth of a millionth */
    settings.delta = 1e-12;
    for (int i = 0; i < count; i++) wide[i] = call.best_x[i] = x[i];
    const int code = lbfgs(WIDE, wide, NULL, evaluate, NULL, &call, &settings);
    if (code == LBFGSERR_OUTOFMEMORY) return fail(error, LTM_MEMORY, "out of memory for a fit");
    /* Other codes say why it stopped; only the best point matters. */
    for (int i = 0; i < count; i++) x[i] = call.best_x[i];
    *value = call.best;
    return LTM_OK;
}

#else

bool minimise_available(void) { return false; }

ltm_status minimise(minimise_function function, const void *context, double *x, int count, int iterations,
                    double *value, struct ltm_error *error) {
    (void)function, (void)context, (void)x, (void)count, (void)iterations, (void)value;
    return fail(
        error, LTM_UNSUPPORTED,
        "this ltm cannot fit scaling laws, because it was built without liblbfgs; install liblbfgs-dev and rebuild");
}

#endif
