/* The inside of the neural memory's stage: whole sequences (neural_memory_stage.c, which says what it computes) and token by token
 * (neural_memory_step.c). */
#pragma once

#include "config/chunks.h"
#include "nn/neural_memory.h"
#include "stages/model_shape.h"
#include "stages/stage.h"

enum { NORM, WQ, WK, WV, WG, GATES, WO, RATE_BIAS, MOMENTUM_BIAS, FORGET_BIAS, START }; /* START: W, or W1 and W2 */
enum { IN_PRODUCT, WO_PRODUCT };

struct neural_state {
    float *r;      /* (R): RMSNorm's factor */
    float *p;      /* (R, 4d + 3H): q, k, v, g of all heads, then the logits of θ, η and α */
    float *qk;     /* by chunk, sequence and head: q (n, h) and k (n, h), normed */
    float *y;      /* the same: M(q), M(k) - v */
    float *a;      /* the same, 4h wide: W1 of q and k, where there are two layers */
    float *rate;   /* (R, H): θ */
    float *decay;  /* (chunks, G, H, 2): η and α */
    float *M;      /* (chunks, G, H, size): that a chunk reads */
    float *S;      /* the same */
    float *x;      /* scratch (R, d): RMSNorm(in) */
    float *dx;     /* scratch (R, d) */
    float *o;      /* scratch (R, d): σ(g) ⊙ M(q), or its gradient */
    float *dp;     /* scratch (R, 4d + 3H) */
    float *dM;     /* scratch (G, H, size) */
    float *dS;     /* scratch (G, H, size) */
    float *rows;   /* scratch: a chunk's gradients */
    float *hidden; /* scratch of nn/neural_memory.h */
    struct linear_call in;
    struct linear_call wo;
};

static inline struct neural_memory neural_kind(const struct ltm_model_config *c) {
    return (struct neural_memory){model_head_dim(c), c->memory_layers == 2};
}
static inline int neural_width(const struct ltm_model_config *c) { return 4 * c->dim + 3 * c->heads; }
static inline size_t neural_size(const struct ltm_model_config *c) { return neural_memory_size(neural_kind(c)); }
static inline bool neural_writes(const struct ltm_model_config *c) { return c->memory_rate > 0; }

/* Of a pass, the last may be shorter. */
static inline int neural_chunks(const struct stage_shape *shape) {
    const int chunk = model_memory_chunk(shape->config);
    return (shape->length + chunk - 1) / chunk;
}

/* A head of a sequence's chunk. */
struct neural_place {
    int n;             /* tokens */
    size_t row;        /* of the first */
    int head;          /* … */
    float *q, *k;      /* (n, h) */
    float *read, *off; /* (n, h): M(q), M(k) - v */
    float *a;          /* (2n, 4h), of q and k */
    float *decay;      /* η, α */
    struct memory_pair now, next;
};
struct neural_place neural_place(const struct neural_state *s, const struct stage_shape *shape, int chunk, int g,
                                 int head);

/* A unit vector in each row of x (n, h). */
void neural_unit_rows(float *x, int n, int h);

/* θ of a token, from its logit; η and α, from sums of theirs over n tokens; M with which a sequence begins: a head's. */
float neural_rate(float logit, const struct stage_weights *w, const struct ltm_model_config *c, int head);
void neural_decay(float decay[2], const float sums[2], int n, const struct stage_weights *w, int head);
void neural_start(float *M, const struct stage_weights *w, const struct ltm_model_config *c, int head);

/* Hooks of struct stage_kind. */
enum { NEURAL_CACHE_BYTES = 6 * sizeof(void *), NEURAL_STEP_BYTES = 4 * sizeof(void *) };
void neural_memory_lay_out_cache(void *cache, struct arena *arena, const struct ltm_model_config *c);
void neural_memory_lay_out_step(void *buffers, struct arena *scratch, const struct ltm_model_config *c, int rows,
                                int threads);
void neural_memory_start_cache(void *cache, const struct stage_weights *w, const struct ltm_model_config *c);
void neural_memory_continue_cache(void *cache, const void *state, const struct stage_shape *shape, int begin);
void neural_memory_step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches);
