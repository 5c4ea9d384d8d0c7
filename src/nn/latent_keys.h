/* The M latents of a layer as further keys and values of its self-attention: a position attends to its window and to them in one
 * softmax, by the same query and output projection.
 *
 *     s_j = q_h k_hjᵀ / sqrt(h) + b_hj,   lse' = log(e^lse + Σ_j e^s_j),   o' = e^(lse - lse') o + Σ_j e^(s_j - lse') v_j
 *
 * with o and lse what the window alone gives (nn/self_attention.h). A latent has no position: q and k are not rotated here. The backward
 * pass of the window's part is self_attention_backward with o' and lse' in place of o and lse. */
#pragma once

struct latent_keys_shape {
    int sequences, length;         /* G, T */
    int latents;                   /* M of this layer and sequence */
    int heads, kv_heads, head_dim; /* H, K, h */
};

/* o (G T, H h) and lse (G T, H): from the window's to those of both. p (G T, H M) = the latents' probabilities. q (G T, H h); kv (G M,
 * 2 K h): k, v side by side; bias (H, M). */
void latent_keys_forward(float *o, float *lse, float *p, const float *q, const float *kv, const float *bias,
                         const struct latent_keys_shape *shape);

/* From d_o (G T, H h), with o of both: dq (G T, H h) =, or NULL; dkv (G M, 2 K h) =; dbias (H, M) +=, or NULL. ds (G T, H M) is scratch. */
void latent_keys_backward(float *dq, float *dkv, float *dbias, float *ds, const float *d_o, const float *o,
                          const float *p, const float *q, const float *kv, const struct latent_keys_shape *shape);
