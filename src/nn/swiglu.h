/* SwiGLU's middle: s = silu(a) ⊙ b, with a = x W1ᵀ and b = x W3ᵀ side by side (Shazeer, 2020). */
#ifndef NN_SWIGLU_H
#define NN_SWIGLU_H

/* ab (rows, 2 width): a then b. s (rows, width) =. */
void swiglu_forward(float *s, const float *ab, int rows, int width);

/* dab (rows, 2 width) =. */
void swiglu_backward(float *dab, const float *ds, const float *ab, int rows, int width);

#endif
