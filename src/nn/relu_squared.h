/* ReLU²: s = max(a, 0)², with a = x W1ᵀ (So et al., 2021, Primer). */
#pragma once

/* a (rows, width), s (rows, width) =. */
void relu_squared_forward(float *s, const float *a, int rows, int width);

/* da (rows, width) =; may be a. */
void relu_squared_backward(float *da, const float *ds, const float *a, int rows, int width);
