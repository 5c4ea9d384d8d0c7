/* One head's attention without a mask or positions: o = softmax(q kᵀ / sqrt(h)) v.
 *
 * m queries, n keys and values of h numbers; rows lie ld apart. */
#pragma once

/* o (m, h) =; p (m, n) = the softmax, kept. */
void full_attention_forward(float *o, int ldo, float *p, const float *q, int ldq, const float *k, const float *v,
                            int ldkv, int m, int n, int h);

/* dq, dk, dv = in rows that lie as q, k and v do, from the gradient of o; scratch (m, n). */
void full_attention_backward(float *dq, float *dk, float *dv, const float *out, int ldo, const float *p, const float *q,
                             int ldq, const float *k, const float *v, int ldkv, int m, int n, int h, float *scratch);
