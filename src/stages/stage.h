/* A stage is one kind of part of the decoder: self-attention, cross-attention to the latents, feed-forward, … Each is a file that ends
 * in a struct stage_kind: its weights, its kept state, and its forward, backward and token-by-token computation. The
 * plan (model/plan.h) says which stages run, on which weights, in which order. A stage sees only the structs below,
 * never the decoder's workspace.
 *
 * Legend: G sequences, T tokens each, R = G T rows, d width, H query heads, K key/value heads of h, F feed-forward width, M latents of
 * a part. The residual stream is (R, d): a stage reads it from `in` and writes its result to `out`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "ltm/config.h"
#include "math/row_products.h"
#include "nn/linear.h"
#include "stages/weights.h"

/* ---- Weights of one application of a stage ---- */

/* Rows and products are counted in the order in which the stage declared them. */
struct stage_weights {
    const struct weight *rows;
    const float *values; /* the array that rows[i].offset points into */
    size_t begin;        /* of the block, in that array */
    const struct linear *products;
    const struct row_weight *row_products; /* the same for few rows; NULL outside generation */
    bool leads;                            /* no application of its kind comes before in the plan */
};

static inline const float *stage_weight(const struct stage_weights *w, int row) {
    return w->values + w->rows[row].offset;
}

/* Where the gradient of a row lies in the block's gradient dw, or NULL. */
static inline float *stage_gradient(const struct stage_weights *w, float *dw, int row) {
    return dw ? dw + (w->rows[row].offset - w->begin) : NULL;
}

/* ---- Whole sequences ---- */

struct stage_shape {
    const struct ltm_model_config *config;
    int sequences; /* G */
    int length;    /* T */
    int position; /* tokens of each sequence that were read before these, chunk by chunk (latent.kind = streaming); else 0 */
};

static inline int shape_rows(const struct stage_shape *shape) { return shape->sequences * shape->length; }
static inline size_t shape_floats(const struct stage_shape *shape) {
    return (size_t)shape_rows(shape) * (size_t)shape->config->dim;
}

/* How the start of a posterior is to move: the gradient of its bound, by the draw z = μ + σ ε of it at which dz was taken. */
struct start_gradient {
    const float *noise; /* (G, N_z, d): ε */
    float *dz;          /* (G, N_z, d) */
    bool
        dz_scaled; /* the pass's own, which it writes there, of what each token counts in it; else `scale` has yet to come to it */
    const float *scale; /* (G): what a nat of a sequence counts */
    float kl_weight;
    const float
        *fit_mu; /* (G, N_z, d): with fit_logvar, what the start is to predict in place of moving by dz; or NULL */
    const float *fit_logvar;
};

/* What latent prediction aims at (stages/latent_prediction.h). */
struct latent_aim {
    float *states; /* (R, d): the teacher's */
    float *loss;   /* (R): written by the backward pass */
};

struct stage_io {
    struct stage_shape shape;
    const float *rope;        /* rotations of token positions, from the sequences' first on: rows of h numbers */
    const float *latent_rope; /* (M, h): of latents */
    const int32_t *tokens;    /* (G, T) */
    const int32_t *targets;   /* (G, T) */
    const int32_t *starts;    /* (G, T): where in its sequence a token's document begins; NULL = all at 0 */
    const float *weights;     /* (G, T): what each token's loss counts; NULL = 1 each */
    float *nll;               /* (G, T) */
    const float *in;          /* (R, d), kept until the backward pass */
    float *out;               /* (R, d) */
    float *dh;                /* (R, d): gradient of the residual stream, in place: after the stage, then before it */
    const uint8_t *kept;      /* (R, d): 0 where dropout cuts what the stage adds, else 1; NULL = all 1 */
    float kept_scale;         /* of what is kept */
    const float *first;       /* (R, d): what the embedding left */
    float *dfirst;            /* (R, d) +=: the gradient of `first` but for dh; NULL where it is not wanted */
    const float *entry;       /* (R, d): what the prelude left, with which a loop begins */
    float *dentry;            /* (R, d) +=: its gradient from the loops behind the first; NULL where it is not wanted */
    float *values;            /* (R, K h): those of self-attention where it leads; NULL without model.value_residual */
    float *dvalues;           /* (R, K h) +=: their gradient from those that follow; NULL where it is not wanted */
    const uint8_t *left;      /* (R): 1 where a position has left the loops (model/exits.h); NULL = nowhere. What others
                               * read of it later is then what `before` has of it: */
    const void *before;       /* the state of this application's like in the loop before */
    bool gradient_follows;    /* the forward pass: a backward pass comes next */
    bool memory_rests;        /* memories stay as a sequence begins with them: the control of their score */
    bool needs_dh;            /* the backward pass: dh before the stage is needed, else it may be left as it is */
    const float *z;           /* (G, N_z, d); NULL: all 0 */
    float *dz;                /* the same, or NULL */
    bool adds_dz;             /* another application has written this part of dz already */
    int part;                 /* of the latents: those of this application */
    float *start_mu;          /* (G, N_z, d): where a posterior starts; NULL where the model has no encoder */
    float *start_logvar;      /* the same */
    const struct start_gradient *start; /* the backward pass; NULL = the encoder stays as it is */
    const struct latent_aim *aim;       /* the backward pass; NULL = none */
};

/* A stage adds y, what it makes of the stream, under model.dropout: out = in + scale · kept ⊙ y. It begins out, adds y to it and
 * ends it; behind it dy = scale · kept ⊙ dh, in `scratch` (R, d) where that is not dh itself. */
void stage_begin_sum(const struct stage_io *io);
void stage_end_sum(const struct stage_io *io);
const float *stage_sum_gradient(const struct stage_io *io, float *scratch);

/* ---- Token by token ---- */

/* A team of threads calls `step` together: each does its share and ends in stage_meet(), so that a stage begins where all have ended
 * the one before. Row i is the next token of slot slots[i]. */
struct stage_step {
    const struct ltm_model_config *config;
    const float *rope;
    const float *far;      /* (slots, h): of a position behind the rows of rope, where a text has come to one */
    const int32_t *tokens; /* (rows) */
    int rows;
    const int *slots;         /* [rows], all different */
    const int64_t *positions; /* [slots]: tokens read before this one */
    const int64_t *starts;    /* [slots]: that of them at which its document begins */
    float *h;                 /* (rows, d): the residual stream, in place */
    float *first;             /* (rows, d): what the embedding left, or NULL where no stage reads it */
    float *entry;             /* (rows, d): what the prelude left, or NULL likewise */
    float *values;            /* (rows, K h): as stage_io's */
    float *logits;            /* (rows, V) */
};

/* The rotation of a slot's next token. */
static inline const float *stage_turn(const struct stage_step *io, int slot) {
    const size_t h = (size_t)(io->config->dim / io->config->heads);
    const size_t t = (size_t)io->positions[slot];
    return t < (size_t)io->config->sequence ? io->rope + t * h : io->far + (size_t)slot * h;
}

/* Of `count` pieces of work, this thread's: from … to - 1. */
struct stage_share {
    int from;
    int to;
};
struct stage_share stage_share(int count);
void stage_meet(void);

/* y (rows, out) = x Wᵀ, or += where `add`, and x (rows, d) = RMSNorm(h); both end in stage_meet(). */
void stage_product(const struct stage_step *io, float *y, const float *x, const struct row_weight *w, bool add);
void stage_norm(const struct stage_step *io, float *x, const float *gain);

/* ---- A kind ---- */

struct stage_kind {
    const char *name;
    bool reads_latents; /* `forward` depends on z */
    bool fits_latents;  /* … and this one says where a fit of z starts; neither runs where there is no z */
    bool drops_out;     /* what it adds to the stream is under model.dropout */
    bool spoils_state;  /* `backward` overwrites what `forward` kept */
    size_t state_size;  /* of the struct that holds an application's pointers, at most STAGE_STATE_MOST */
    size_t cache_size;  /* of the struct that holds an application's cache of one slot, likewise; 0 = none */
    size_t step_size;   /* of the struct that holds buffers of a step, likewise; 0 = none */

    /* Add its weights to the block at hand, in an order of its own. Not called where it works with those of a block that is there. */
    void (*declare)(struct weight_table *table, const struct ltm_model_config *config);

    /* Floating-point operations of useful work per token, forward: 2 for each weight that a token uses, plus
     * attention. */
    double (*flops)(const struct ltm_model_config *config);

    /* Cut what an application keeps from forward to backward from `kept`, and what it needs only while it runs from `scratch`, which
     * all applications share. For groups of up to this shape. */
    void (*lay_out)(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape);

    /* Make products ready for a shape within that of lay_out; NULL = it has none. */
    ltm_status (*prepare)(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error);

    /* The part that does not depend on z, run once for many z; NULL = nothing. Always called before `forward`. */
    void (*begin)(const struct stage_io *io, const struct stage_weights *w, void *state);
    void (*forward)(const struct stage_io *io, const struct stage_weights *w, void *state);

    /* From dh behind the stage to dh before it; dw, the block's gradient, +=, unless NULL; the stage's part of dz. */
    void (*backward)(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw);

    /* What comes next is the sequences' next chunk: keep what that needs of this one; NULL = nothing. */
    void (*carry)(const struct stage_io *io, const struct stage_weights *w, void *state);

    /* Generation: lay out a slot's cache, and the buffers of a step of up to `rows` rows by `threads` threads; begin a text; begin a slot under z
     * (its part of the latents, (M, d)), or change z within a text; go on behind the first sequence of a scored group of the same z, where the last token's document begins at `start`; read one token. */
    void (*lay_out_cache)(void *cache, struct arena *arena, const struct ltm_model_config *config);
    void (*lay_out_step)(void *buffers, struct arena *scratch, const struct ltm_model_config *config, int rows,
                         int threads);
    void (*start_cache)(void *cache, const struct stage_weights *w, const struct ltm_model_config *config);
    void (*begin_cache)(void *cache, const struct stage_weights *w, const struct ltm_model_config *config,
                        const float *latent_rope, const float *z);
    void (*continue_cache)(void *cache, const void *state, const struct stage_shape *shape, int start);
    /* caches: [slots], cache_size apart. */
    void (*step)(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches);
    /* In place of `step` where the token has left the loops: a slot's cache takes what its like in the loop before keeps of its
     * document's t-th token. NULL: caches hold nothing of single tokens. */
    void (*step_left)(void *cache, const void *before, const struct ltm_model_config *config, int t);
};

enum { STAGE_STATE_MOST = 512 };

/* Receives the pointers of a lay_out while only sizes are computed. */
union stage_unused {
    char bytes[STAGE_STATE_MOST];
    max_align_t aligned;
};

/* The kinds. build() in model/plan.c puts them into the plan. */
extern const struct stage_kind embedding_stage;
extern const struct stage_kind encoder_stage;
extern const struct stage_kind mix_stage;
extern const struct stage_kind loop_add_stage;
extern const struct stage_kind loop_concat_stage;
extern const struct stage_kind loop_diagonal_stage;
extern const struct stage_kind self_attention_stage;
extern const struct stage_kind latent_attention_stage;
extern const struct stage_kind cross_attention_stage;
extern const struct stage_kind neural_memory_stage;
extern const struct stage_kind recurrent_memory_stage;
extern const struct stage_kind feed_forward_stage;
extern const struct stage_kind final_norm_stage;
extern const struct stage_kind output_stage;
extern const struct stage_kind solver_embedding_stage;
extern const struct stage_kind solver_latents_stage;
extern const struct stage_kind solver_attention_stage;
extern const struct stage_kind solver_mixing_stage;
extern const struct stage_kind solver_feed_forward_stage;
extern const struct stage_kind solver_head_stage; /* stages/solver_head.h */
