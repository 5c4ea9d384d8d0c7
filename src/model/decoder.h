/* The decoder p(x | z): a Transformer whose every layer reads a short window of past tokens and, by cross-attention, its
 * own share of the latents z (DESIGN, section 3; paper, section 2.1).
 *
 * A `decoder` is weights and tables, shared by all threads. A `decoder_pass` is one thread's workspace for a group of
 * sequences of equal length; nothing is allocated once it exists. The fast loop calls decoder_latent_gradient again and
 * again for the same tokens: what lies below the first cross-attention does not depend on z and is computed once, by
 * decoder_begin; the backward pass stops there too. */
#ifndef MODEL_DECODER_H
#define MODEL_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ltm/config.h"
#include "model/weights.h"
#include "nn/linear.h"

/* The products with one layer's weights. */
struct layer_products {
    struct linear wqkv, wo, cross_wq, w13, w2;
};

struct decoder {
    struct ltm_model_config config; /* nothing in it is auto */
    struct weight_table table;
    float *weights;                  /* (table.size), owned as all that follows, unless shared */
    float *rope;                     /* (T_max, h): rotations of token positions */
    float *latent_rope;              /* (N_z / L, h): of latents, floor(T_max / N_z) apart */
    struct layer_products *products; /* [L], always its own, with what is packed in them */
    struct linear output;            /* with the embedding, tied */
    bool shared;                     /* all but the products is another decoder's */
    bool overlap;                    /* workspaces for training have room for two layers' gradients: one is taken
                                        while the next is made */
};

/* The shape must be valid (ltm_config_check) and vocab known; kv_heads may be auto. Weights are zero. */
ltm_status decoder_create(struct decoder **decoder, const struct ltm_model_config *config, struct ltm_error *error);
void decoder_free(struct decoder *decoder);

/* A second decoder over the weights of the first, which must outlive it: for products in another precision, in fp32 at first. */
ltm_status decoder_share(struct decoder **shared, const struct decoder *decoder, struct ltm_error *error);

/* Products over many rows in bf16 from now on, in workspaces made after this. LTM_UNSUPPORTED where the build or the machine
 * has none; fp32 needs no call. Weights must be packed before their first use and whenever they have changed. */
ltm_status decoder_use_bf16(struct decoder *decoder, struct ltm_error *error);
ltm_status decoder_pack(struct decoder *decoder, int threads, struct ltm_error *error);

/* LTM_NUMERIC for what has come out of the decoder and is no finite number, as `what` says in a sentence: with the weight that
 * is none itself, where there is one, or with what else to do. */
ltm_status decoder_fail_nonfinite(const struct decoder *decoder, const char *what, const char *advice,
                                  struct ltm_error *error);

/* What decoder_use_bf16 has allocated, in bytes; 0 in fp32. */
size_t decoder_packed_bytes(const struct decoder *decoder);

struct decoder_pass;

/* A workspace for up to `sequences` sequences of up to `length` tokens; `training` for one that can also make weight
 * gradients (two more arrays: the gradients of one layer and of the embedding). */
ltm_status decoder_pass_create(struct decoder_pass **pass, const struct decoder *decoder, int sequences, int length,
                               bool training, struct ltm_error *error);
void decoder_pass_free(struct decoder_pass *pass);

const struct decoder *decoder_pass_decoder(const struct decoder_pass *pass);

/* What decoder_pass_create will allocate, in bytes. */
size_t decoder_pass_bytes(const struct decoder *decoder, int sequences, int length, bool training);

/* Take G sequences of T tokens, (G, T) each, and compute what does not depend on z. */
void decoder_begin(struct decoder_pass *pass, const int32_t *tokens, const int32_t *targets, int sequences, int length);

/* For the sequences of decoder_begin and z (G, N_z, d); nll (G, T) = -log p(x_t | x_<t, z), nats. */
void decoder_score(struct decoder_pass *pass, const float *z, float *nll);

/* Also dz (G, N_z, d) = the gradient of Σ weights ⊙ nll, what each token counts, (G, T); NULL = 1 each. No weight gradient is
 * computed. */
void decoder_latent_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll, float *dz);

/* Also gradient (table.size) += the gradient of Σ weights ⊙ nll with respect to every weight of the decoder; weights (G, T), NULL = 1 each.
 * `pass` must have been made for training. */
void decoder_weight_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll,
                             float *gradient);

/* Who takes a group's gradients, block by block as the backward pass makes them. Blocks are in the order of the weights: 0 the
 * embedding, 1 + l layer l, 1 + L the final norm; they come from the last to the first. */
struct gradient_taker {
    void *user;
    void (*take)(void *user, int block, const float *gradient); /* (the block's size) */
    void (*wait)(void *user, const float *gradient); /* until what was taken may be overwritten; NULL: it may at once */
};

int decoder_blocks(const struct decoder *decoder);

/* The same, given to `taker` in place of a sum. */
void decoder_give_weight_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll,
                                  const struct gradient_taker *taker);

/* The states that the last decoder_score put through the output layer, (G T, d): RMSNorm of what leaves the last layer. Valid
 * until the next call with this pass. */
const float *decoder_output(const struct decoder_pass *pass);

#endif
