/* y = A ⊙ x + D ⊙ u, by channel j of d: D = softplus(step), A = exp(-D exp(rate)), which is always between 0 and 1:
 * with u fixed, repeating it approaches D u / (1 - A), and the error shrinks by A each time. */
#pragma once

/* Where A = sqrt(1/5) and D = 1 - A, so that the fixed point is u itself. */
#define CONTRACTION_RATE 0.37552142F
#define CONTRACTION_STEP (-0.30369046F)

/* A and D of one channel. */
struct contraction {
    float keep; /* A */
    float take; /* D */
};
struct contraction contraction_of(float rate, float step);

/* y (rows, d); may be x. */
void contraction_forward(float *y, const float *x, const float *u, const float *rate, const float *step, int rows,
                         int d);

/* dx (rows, d) = the gradient of x, may be dy; du (rows, d) = that of u; drate (d), dstep (d) += unless NULL, both or none. */
void contraction_backward(float *dx, float *du, float *drate, float *dstep, const float *dy, const float *x,
                          const float *u, const float *rate, const float *step, int rows, int d);
