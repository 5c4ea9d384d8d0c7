/* Cross-attention of token positions to the M latents of one layer; no mask.
 *
 *     o_h = softmax(q_h k_hᵀ / sqrt(h)) v_h,   out = concat(o) Woᵀ
 *
 * A latent's value and the output projection fold into one vector for each head and latent, u_hj = Wo_h v_hj, so
 *
 *     out = P U,   P (T, H M) the probabilities of all heads side by side, U (H M, d):
 *
 * H M columns in place of d, and no product with Wo over tokens, forward or backward. */
#ifndef NN_CROSS_ATTENTION_H
#define NN_CROSS_ATTENTION_H

struct cross_shape {
    int sequences, length;         /* G, T */
    int latents;                   /* M of this layer and sequence */
    int heads, kv_heads, head_dim; /* H, K, h */
    int dim;                       /* d */
};

/* Keys, values and folded values of the latents: kv (G M, 2 K h) = z Wkvᵀ with k rotated by `table` (rope_table with M
 * positions, stride floor(T_max / N_z)); u (G, H M, d) =. z (G M, d); wkv (2 K h, d): wk above wv; wo (d, H h). */
void cross_attention_latents(float *kv, float *u, const float *z, const float *wkv, const float *wo, const float *table,
                             const struct cross_shape *shape);

/* y (G T, d) += out; p (G T, H M) =. q (G T, H h) rotated. */
void cross_attention_forward(float *y, float *p, const float *q, const float *kv, const float *u,
                             const struct cross_shape *shape);

/* From dy (G T, d): du (G, H M, d) =, dkv (G M, 2 K h) = (its value half from du, with respect to unrotated k), dq (G T, H h) =
 * with respect to the rotated q, or NULL. dwo (d, H h) += or NULL. dp (G T, H M) is scratch. */
void cross_attention_backward(float *dq, float *dkv, float *du, float *dwo, float *dp, const float *dy, const float *p,
                              const float *q, const float *kv, const float *u, const float *wo, const float *table,
                              const struct cross_shape *shape);

/* dz (G M, d) = dkv Wkv; dwkv (2 K h, d) += dkvᵀ z, or NULL. */
void cross_attention_latents_backward(float *dz, float *dwkv, const float *dkv, const float *z, const float *wkv,
                                      const struct cross_shape *shape);

#endif
