#include "nn/contraction.h"

#include <math.h>
#include <stddef.h>

/* log(1 + exp(x)), for any x. */
static float softplus(float x) { return fmaxf(x, 0) + log1pf(expf(-fabsf(x))); }

struct contraction contraction_of(float rate, float step) {
    const float take = softplus(step);
    return (struct contraction){expf(-take * expf(rate)), take};
}

void contraction_forward(float *y, const float *x, const float *u, const float *rate, const float *step, int rows,
                         int d) {
    for (int j = 0; j < d; j++) {
        const struct contraction c = contraction_of(rate[j], step[j]);
        for (size_t i = (size_t)j; i < (size_t)rows * (size_t)d; i += (size_t)d) y[i] = c.keep * x[i] + c.take * u[i];
    }
}

/* dA = Σ dy x;  dD = Σ dy u - exp(rate) A dA;  drate += -D exp(rate) A dA;  dstep += dD sigmoid(step);  du = D dy;  dx = A dy. */
void contraction_backward(float *dx, float *du, float *drate, float *dstep, const float *dy, const float *x,
                          const float *u, const float *rate, const float *step, int rows, int d) {
    for (int j = 0; j < d; j++) {
        const struct contraction c = contraction_of(rate[j], step[j]);
        double keep = 0;
        double take = 0;
        for (size_t i = (size_t)j; i < (size_t)rows * (size_t)d; i += (size_t)d) {
            const float g = dy[i];
            keep += (double)g * (double)x[i];
            take += (double)g * (double)u[i];
            du[i] = c.take * g;
            dx[i] = c.keep * g;
        }
        if (!drate) continue;
        const double through = -exp((double)rate[j]) * (double)c.keep * keep; /* of A by D */
        drate[j] += (float)((double)c.take * through);
        dstep[j] += (float)((take + through) / (1 + exp(-(double)step[j])));
    }
}
