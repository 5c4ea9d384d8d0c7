/* The elementwise part of SwiGLU: s = silu(a) ⊙ b, with a = x W1ᵀ and b = x W3ᵀ side by side (Shazeer, 2020). */
#pragma once

/* ab (rows, 2 width): a then b. s (rows, width) =. */
void swiglu_forward(float *s, const float *ab, int rows, int width);

/* dab (rows, 2 width) =. */
void swiglu_backward(float *dab, const float *ds, const float *ab, int rows, int width);
