/* Streaming latents (latent.kind = streaming): z is not a posterior of a whole sequence but a state, which moves by the
 * gradient of the chunk just read. For chunk c of latent.chunk tokens
 *
 *     z_c = m + a u_c, u_1 = 0, λ_1 = 1;  with latent.stream_noise  z_c = m + a (u_c + ε/√λ_c), ε independent of chunk c
 *     l_c = -log p(x_c | window, z_c);  one backward pass over the chunk: the gradients of the weights and dz = ∂l_c/∂z
 *     λ ← 1 + γ (λ - 1) + h,  h = dz², or max(0, ε dz √λ) where z is drawn
 *     u ← u - α clip(dz/λ, ± trust/√λ)
 *
 * with α, γ and trust of [latent] stream_rate, stream_keep and stream_trust, and m and a learned (stages/cross_attention_stage.c). z_c
 * depends only on the text before x_c: Σ l_c with z at its mean is the exact -log p of a causal model, and with z drawn
 * it is in expectation a bound on its code length (Jensen, chunk by chunk). There is no KL.
 *
 * No gradient goes through the steps of u (first order), nor through the keys and values that cross a chunk boundary.
 * So forward and backward alternate by chunk, a token costs three forward passes, as without latents, activations are
 * kept for one chunk, and the gradients of weights add up from chunk to chunk within the pass. The exact gradient at
 * the boundary would take two backward passes over a chunk: one for dz before the next chunk is read, one for the
 * weights after the next chunk's own. Leaving it out costs nothing measurable: runs/README.md, "Latents that
 * stream". */
#pragma once

#include "latent/fast_loop.h"

/* One thread's states, for up to G sequences. */
struct streaming {
    void *block;
    const struct ltm_model_config *config;
    size_t latents;                     /* N_z d of one sequence */
    float *u, *lambda, *z, *noise, *dz; /* (G, N_z, d) */
    float *trail;                       /* (chunks of T_max, G, N_z, d): u of each chunk */
    int32_t *tokens, *targets;          /* (G, latent.chunk): the present chunk */
    float *weights, *nll;
};

/* Allocates nothing if the decoder's latents do not stream. The decoder must outlive it. */
ltm_status streaming_create(struct streaming *s, const struct decoder *decoder, int sequences, struct ltm_error *error);
void streaming_free(struct streaming *s);
size_t streaming_bytes(const struct ltm_model_config *model, int sequences);

/* Call before a sequence's first chunk, and with the dz of a chunk before the next one; noise: that of z, or NULL for z
 * at its mean. */
void streaming_start(struct streaming *s, int sequences);
void streaming_step(struct streaming *s, const float *noise, int sequences);

/* z moves; stays at its start; is that of the group's next sequence, from the trail; is 0. */
enum streaming_z { STREAMING_MOVES, STREAMING_FROZEN, STREAMING_OTHERS, STREAMING_ZERO };

/* How the sequences of a group are read. */
struct streaming_reading {
    enum streaming_z z;
    const int32_t *tokens, *targets;  /* (G, T) */
    const float *weights;             /* (G, T): the weight of each token in dz and the taker's gradients; NULL = 1 */
    float *nll;                       /* (G, T) = */
    const struct noise_source *noise; /* of drawn z, the sample-th draw; NULL: z at its mean */
    int sample;
    bool trail;   /* keep the state of each chunk, for STREAMING_OTHERS */
    bool goes_on; /* more text follows: z also moves after the last chunk, if that is complete */
    void (*on_chunk)(void *user, int from, int tokens); /* once a chunk is scored, of the pass that did it; or NULL */
    void *user;
    const struct gradient_taker *taker; /* of the weights' gradients; NULL: none are computed */
    double unit;                        /* with those: the value of a full token in `weights` */
};

/* All chunks of sequences of `length` tokens. Bit-identical regardless of earlier use of the workspaces. */
void streaming_read(struct streaming *s, struct decoder_pass *pass, const struct streaming_reading *how, int sequences,
                    int length);

/* Chunks of a sequence of `length` tokens. */
int streaming_chunks(const struct ltm_model_config *model, int length);
