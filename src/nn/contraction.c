#include "nn/contraction.h"

#include <math.h>
#include <stddef.h>

/* log(1 + exp(x)), for any x. */
static float softplus(float x) { return fmaxf(x, 0) + log1pf(expf(-fabsf(x))); }

struct contraction contraction_of(float rate, float step) {
    const float take = softplus(step);
    return (struct contraction){expf(-take * expf(rate)), take};
}

/* This many channels at a time, adjacent in memory. */
enum { TILE = 64 };

struct tile {
    float keep[TILE];
    float take[TILE];
    int width;
};

static struct tile tile_at(const float *rate, const float *step, int from, int d) {
    struct tile tile = {.width = d - from < TILE ? d - from : TILE};
    for (int j = 0; j < tile.width; j++) {
        const struct contraction c = contraction_of(rate[from + j], step[from + j]);
        tile.keep[j] = c.keep;
        tile.take[j] = c.take;
    }
    return tile;
}

void contraction_forward(float *y, const float *x, const float *u, const float *rate, const float *step, int rows,
                         int d) {
    for (int from = 0; from < d; from += TILE) {
        const struct tile c = tile_at(rate, step, from, d);
        for (size_t i = 0, at = (size_t)from; i < (size_t)rows; i++, at += (size_t)d)
#pragma omp simd
            for (int j = 0; j < c.width; j++) y[at + j] = c.keep[j] * x[at + j] + c.take[j] * u[at + j];
    }
}

/* dA = Σ dy x;  dD = Σ dy u - exp(rate) A dA;  drate += -D exp(rate) A dA;  dstep += dD sigmoid(step);  du = D dy;  dx = A dy. */
void contraction_backward(float *dx, float *du, float *drate, float *dstep, const float *dy, const float *x,
                          const float *u, const float *rate, const float *step, int rows, int d) {
    for (int from = 0; from < d; from += TILE) {
        const struct tile c = tile_at(rate, step, from, d);
        double keep[TILE] = {0};
        double take[TILE] = {0};
        for (size_t i = 0, at = (size_t)from; i < (size_t)rows; i++, at += (size_t)d)
#pragma omp simd
            for (int j = 0; j < c.width; j++) {
                const float g = dy[at + j];
                keep[j] += (double)g * (double)x[at + j];
                take[j] += (double)g * (double)u[at + j];
                du[at + j] = c.take[j] * g;
                dx[at + j] = c.keep[j] * g;
            }
        for (int j = 0; drate && j < c.width; j++) {
            const double through = -exp((double)rate[from + j]) * (double)c.keep[j] * keep[j]; /* of A by D */
            drate[from + j] += (float)((double)c.take[j] * through);
            dstep[from + j] += (float)((take[j] + through) / (1 + exp(-(double)step[from + j])));
        }
    }
}
