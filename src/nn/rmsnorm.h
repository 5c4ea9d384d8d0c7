/* RMSNorm: y = x · r · g with r = 1 / sqrt(mean(x²) + 1e-5)   (Zhang & Sennrich, 2019). Rows of width d. */
#pragma once

/* y (rows, d) =, r (rows) = ; r may be NULL. */
void rmsnorm_forward(float *y, float *r, const float *x, const float *gain, int rows, int d);

/* dx (rows, d) += ; dgain (d) += unless NULL. */
void rmsnorm_backward(float *dx, float *dgain, const float *dy, const float *x, const float *r, const float *gain,
                      int rows, int d);
