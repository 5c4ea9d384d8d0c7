/* Cross-attention of token positions to the M latents of one layer; no mask.
 *
 *     o_h = softmax(q_h k_hᵀ / sqrt(h)) v_h,   out = concat(o) Woᵀ
 *
 * A latent's value and the output projection fold into one vector for each head and latent, u_hj = Wo_h v_hj, so
 *
 *     out = P U,   P (T, H M) the probabilities of all heads side by side, U (H M, d):
 *
 * H M columns instead of d, and no product with Wo over tokens, forward or backward. With many latents the plain form
 * costs less: a product with P takes 6 T M d operations forward and backward, two with Wo 4 T d H h, against 6 T H M d
 * folded. Then u below is the heads' outputs o. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cross_shape {
    int sequences, length;         /* G, T */
    int latents;                   /* M of this layer and sequence */
    int heads, kv_heads, head_dim; /* H, K, h */
    int dim;                       /* d */
};

/* Whether folding costs less, and the floats of u: (G, H M, d) folded, else (G T, H h). */
bool cross_attention_folds(const struct cross_shape *shape);
size_t cross_attention_u(const struct cross_shape *shape);

/* Keys, values and, unless u is NULL, folded values of the latents: kv (G M, 2 K h) = z Wkvᵀ with k rotated by `table` (rope_table with M
 * positions, stride floor(T_max / N_z)); u (G, H M, d) =. z (G M, d); wkv (2 K h, d): wk above wv; wo (d, H h). */
void cross_attention_latents(float *kv, float *u, const float *z, const float *wkv, const float *wo, const float *table,
                             const struct cross_shape *shape);

/* y (G T, d) += out; p (G T, H M) =. q (G T, H h) rotated. u is read if folded, otherwise written. */
void cross_attention_forward(float *y, float *p, const float *q, const float *kv, float *u, const float *wo,
                             const struct cross_shape *shape);

/* From dy (G T, d): du (as u) =, dkv (G M, 2 K h) = (with respect to unrotated k), dq (G T, H h) =
 * with respect to the rotated q, or NULL. dwo (d, H h) += or NULL. dp (G T, H M) is scratch. */
void cross_attention_backward(float *dq, float *dkv, float *du, float *dwo, float *dp, const float *dy, const float *p,
                              const float *q, const float *kv, const float *u, const float *wo, const float *table,
                              const struct cross_shape *shape);

/* dz (G M, d) = dkv Wkv; dwkv (2 K h, d) += dkvᵀ z, or NULL. */
void cross_attention_latents_backward(float *dz, float *dwkv, const float *dkv, const float *z, const float *wkv,
                                      const struct cross_shape *shape);
