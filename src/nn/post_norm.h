/* Root-mean-square norm without gain of what a layer leaves, in place of what the next one reads:
 *
 *     y = x r,   r = 1 / sqrt(mean(x²) + 1e-5)
 *
 * The backward pass needs y and r alone. */
#pragma once

/* x, y (rows, d), r (rows); y may be x. */
void post_norm_forward(float *y, float *r, const float *x, int rows, int d);

/* dx = r (dy - y mean(dy y)); dx may be dy. */
void post_norm_backward(float *dx, const float *dy, const float *y, const float *r, int rows, int d);
