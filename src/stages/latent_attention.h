/* Latents as further keys and values of self-attention (latent.read = keys, nn/latent_keys.h): what the stage latent_attention_stage
 * has beside self_attention_stage. Legend and conventions: stage.h. */
#pragma once

#include "nn/latent_keys.h"
#include "stages/stage.h"

struct latent_attention {
    float *q;      /* (R, H h): queries before they are rotated */
    float *window; /* (R, H h): what attention to the window alone gives */
    float *lse;    /* (R, H): and its log-sum-exp */
    float *kv;     /* (G M, 2 K h) */
    float *p;      /* (R, H M) */
    float *z;      /* scratch (G M, d): the part's latents, as they are read */
    float *dz;     /* scratch (G M, d) */
    float *dkv;    /* scratch, as kv */
    float *ds;     /* scratch (R, H M) */
    float *dq;     /* scratch (R, H h) */
    struct linear_call wkv;
};

/* Its rows begin behind those of self-attention, at `row` in what follows, and so does its product, `wkv`. */
void latent_attention_declare(struct weight_table *table, const struct ltm_model_config *c);
double latent_attention_flops(const struct ltm_model_config *c);
void latent_attention_lay_out(struct latent_attention *s, struct arena *kept, struct arena *scratch,
                              const struct stage_shape *shape);

ltm_status latent_attention_prepare(struct latent_attention *s, const struct linear *wkv,
                                    const struct stage_shape *shape, struct bf16_work *work, bool training,
                                    struct ltm_error *error);

/* att (R, H h) and lse (R, H) of window and latents, from s->window and s->lse. */
void latent_attention_forward(const struct latent_attention *s, const struct stage_io *io,
                              const struct stage_weights *w, int row, float *att, float *lse);

/* From datt, with att of both: s->dq if `wants_dq`, the part's dz, and dw. */
void latent_attention_backward(const struct latent_attention *s, const struct stage_io *io,
                               const struct stage_weights *w, int row, float *dw, const float *datt, const float *att,
                               bool wants_dq);

/* One sequence's keys and values kv (M, 2 K h) of z (M, d), by way of `read` (M, d). */
void latent_attention_keys(float *kv, float *read, const float *z, const struct stage_weights *w, int row,
                           const struct row_weight *wkv, const struct ltm_model_config *c);

/* Scores s (M) of one query head's q (h), not yet rotated. */
void latent_attention_scores(float *s, const float *q, int head, const float *kv, const struct stage_weights *w,
                             int row, const struct ltm_model_config *c);
