/* The inside of a decoder_pass: what a group's forward pass leaves for its backward pass. Only model/ looks in here. */
#ifndef MODEL_DECODER_PASS_H
#define MODEL_DECODER_PASS_H

#include "model/decoder.h"
#include "nn/cross_attention.h"
#include "nn/self_attention.h"

/* Legend: G sequences, T tokens each, R = G T rows, d width, H heads, K key/value heads of h, F SwiGLU width, M latents
 * of a layer that reads them. */
struct layer_state {
    float *in, *in_r;       /* (R, d), (R): the residual stream on entry, its RMSNorm factor */
    float *qkv;             /* (R, (H + 2K) h), rotated */
    float *att, *lse;       /* (R, H h), (R, H): self-attention's output before Wo */
    float *mid, *mid_r;     /* (R, d), (R): after self-attention */
    float *cq;              /* (R, H h): the cross-attention's rotated queries */
    float *ckv, *u, *p;     /* (G M, 2 K h), (G, H M, d), (R, H M) */
    float *cross, *cross_r; /* (R, d), (R): after cross-attention; `mid` itself without latents */
    float *ab;              /* (R, 2F): SwiGLU's inputs; the backward pass leaves their gradients here */
};

struct decoder_pass {
    const struct decoder *decoder;
    void *block; /* all buffers below */
    bool training;
    int sequences, length; /* of the present group */
    struct attention_shape self;
    struct cross_shape across;
    const int32_t *tokens, *targets;
    bool below; /* what lies below the first cross-attention is as decoder_begin left it */

    struct layer_state *layers; /* [L] */
    float *out, *out_r;         /* (R, d), (R): the residual stream behind the last layer */

    float *x;               /* (R, d): a normalised input */
    float *s, *ds;          /* (R, F): SwiGLU's product and its gradient */
    float *dh, *dx;         /* (R, d): gradient of the residual stream; of a normalised input */
    float *datt, *dq;       /* (R, H h) */
    float *dqkv;            /* (R, (H + 2K) h) */
    float *dp;              /* (R, H M) */
    float *du, *dkv;        /* as u, ckv */
    float *zl, *dzl;        /* (G M, d): one layer's latents, gathered over sequences */
    float *attention;       /* scratch */
    float *logits;          /* scratch */
    struct bf16_work *work; /* for products in bf16; NULL where they are in fp32 */
    float *dw,
        *de; /* training: gradients of one layer (two where they overlap); of the embedding and, behind it, the final norm */
};

/* Set the present group's shape, within what the workspace was made for. */
void decoder_pass_shape(struct decoder_pass *pass, int sequences, int length);

/* Make what the present group's products need, so that its passes make nothing. */
void decoder_pass_prepare(struct decoder_pass *pass);

#endif
