/* y = a x + b x0: a stream and its initial value, mixed by two learned scalars. */
#pragma once

#include <stddef.h>

/* y (n); may be x. */
void mix_forward(float *y, const float *x, const float *x0, float a, float b, size_t n);

/* dx (n) = the gradient of x, may be dy; dx0 (n) += that of x0; *da, *db += those of a and b. NULL if not wanted. */
void mix_backward(float *dx, float *dx0, double *da, double *db, const float *dy, const float *x, const float *x0,
                  float a, float b, size_t n);
