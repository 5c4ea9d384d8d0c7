/* Self-attention in a sliding window, causal, grouped heads: position t sees s with t - window < s <= t; or `whole`: all of its sequence.
 *
 *     o_h = softmax(q_h k_hᵀ / sqrt(h)) v_h
 *
 * If a sequence contains several documents, a position sees nothing before the start of its own document.
 *
 * Works on bands: a block of queries meets only keys that at least one of them can see, so cost and memory are linear
 * in the sequence length. Probabilities are not stored; the backward pass recomputes them from the saved log-sum-exp
 * (Dao et al., FlashAttention, 2022). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attention_shape {
    int sequences, length;         /* G, T: rows = G · T, a sequence's rows together */
    int heads, kv_heads, head_dim; /* H, K, h */
    int window;
    bool whole;            /* every position sees every other; window, starts and past have no say */
    const int32_t *starts; /* (rows): where in its sequence a position's document begins; NULL = at 0 */

    /* Keys and values of positions before the sequences' first: those of position s, from -past to length - 1, in row g · kv_rows +
     * s of kv, 2 K h numbers: k, v side by side. NULL: there are none, and the present ones are read from qkv. They get
     * no gradient. */
    const float *kv;
    int kv_rows, past;
};

/* Floats of scratch that either function needs. */
size_t self_attention_scratch(const struct attention_shape *shape);

/* qkv (rows, (H + 2K) h): q, k, v side by side, q and k already rotated. o (rows, H h) =, lse (rows, H) =. */
void self_attention_forward(float *o, float *lse, const float *qkv, const struct attention_shape *shape,
                            float *scratch);

/* dqkv (rows, (H + 2K) h) =, with respect to the rotated q and k. */
void self_attention_backward(float *dqkv, const float *d_o, const float *qkv, const float *o, const float *lse,
                             const struct attention_shape *shape, float *scratch);

/* Token by token: o (h) += Σ p_i v_i over `count` rows of v, `ld` numbers apart; returns Σ p_i. */
float self_attention_add(float *restrict o, const float *p, const float *v, int ld, int count, int h);
