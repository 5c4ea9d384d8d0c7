/* The inside of self-attention's stages: whole sequences (self_attention_stage.c, which says what they compute) and token by token
 * (self_attention_step.c). */
#pragma once

#include "config/chunks.h"
#include "stages/latent_attention.h"
#include "stages/model_shape.h"
#include "stages/stage.h"

enum {
    NORM,
    WQ,
    WK,
    WV,
    WO,
    Q_SCALE
}; /* the last with model.qk_norm = rms; then w, where values are mixed; then latents' */
enum { QKV_PRODUCT, WO_PRODUCT, LATENT_PRODUCT };

struct self_attention_state {
    float *r;   /* (R): RMSNorm's factor */
    float *qkv; /* (R, (H + 2K) h): q and k rotated */
    float *raw; /* (R, (H + 2K) h): q, k and v before they are normed or mixed, where they are */
    float *att; /* (R, H h): before Wo */
    float *lse; /* (R, H) */
    float *
        kv; /* (G, P + T, 2 K h): k and v of the P tokens before a chunk, and its own; NULL where there are no chunks */
    float *x;         /* scratch (R, d): RMSNorm(in) */
    float *dx;        /* scratch (R, d) */
    float *datt;      /* scratch (R, H h) */
    float *dqkv;      /* scratch (R, (H + 2K) h) */
    float *attention; /* scratch */
    struct linear_call wqkv;
    struct linear_call wo;
    struct latent_attention latents; /* of latent_attention_stage; else NULL */
};

static inline bool attention_norms_qk(const struct ltm_model_config *c) { return c->qk_norm == LTM_QK_NORM_RMS; }
static inline int attention_value_mix_row(const struct ltm_model_config *c) {
    return attention_norms_qk(c) ? Q_SCALE + 1 : Q_SCALE;
}
static inline int attention_latent_row(const struct ltm_model_config *c) {
    return attention_value_mix_row(c) + (c->value_residual ? 1 : 0);
}

static inline int attention_kv_width(const struct ltm_model_config *c) { return c->kv_heads * model_head_dim(c); }
static inline int attention_qkv_width(const struct ltm_model_config *c) { return c->dim + 2 * attention_kv_width(c); }

/* Numbers of a row of kv, and where those of a chunk begin. */
static inline size_t attention_kv_row(const struct ltm_model_config *c) { return (size_t)(2 * attention_kv_width(c)); }
static inline float *attention_kv_present(const struct self_attention_state *s, const struct ltm_model_config *c) {
    return s->kv + (size_t)model_past(c) * attention_kv_row(c);
}

/* v (n), all of a row or one head of it. */
void self_attention_mix_value(float *v, float *first, const struct stage_weights *w, const struct ltm_model_config *c,
                              int n);

/* Hooks of struct stage_kind. */
enum { ATTENTION_CACHE_BYTES = 4 * sizeof(void *), ATTENTION_STEP_BYTES = 4 * sizeof(void *) };
void self_attention_lay_out_cache(void *cache, struct arena *arena, const struct ltm_model_config *c);
void self_attention_lay_out_latent_cache(void *cache, struct arena *arena, const struct ltm_model_config *c);
void self_attention_begin_latent_cache(void *cache, const struct stage_weights *w, const struct ltm_model_config *c,
                                       const float *latent_rope, const float *z);
void self_attention_lay_out_step(void *buffers, struct arena *scratch, const struct ltm_model_config *c, int rows,
                                 int threads);
void self_attention_continue_cache(void *cache, const void *state, const struct stage_shape *shape, int start);
void self_attention_step_left(void *cache, const void *before, const struct ltm_model_config *c, int t);
void self_attention_step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches);
