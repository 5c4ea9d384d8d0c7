/* RMSNorm of each head's vector: y = s · x · r with r = 1 / sqrt(mean(x²) + 1e-5), and s one number a head.
 * A row holds `heads` vectors of `head_dim` side by side. */
#pragma once

/* x: rows `ld` apart, in place. scale (heads), or NULL for 1. */
void head_norm_forward(float *x, int ld, const float *scale, int rows, int heads, int head_dim);

/* dx: rows `ld` apart, in place: from the gradient of y to that of x, which lies in rows `ldx` apart. dscale (heads) += unless NULL. */
void head_norm_backward(float *dx, int ld, float *dscale, const float *x, int ldx, const float *scale, int rows,
                        int heads, int head_dim);
