/* The table of weights: one row says all about a weight (name, shape, start, learning rate, decay, optimiser, product), and drives
 * allocation, initialisation, the optimiser, sums over processes, checkpoints, packing, gradient checks and `inspect`.
 *
 * All weights of a model lie in one array of floats; gradients and optimiser states are arrays of the same layout. Stages declare
 * the rows (stages/stage.h), block by block. A block is what one application of the plan, or several, hand on at once: the
 * embedding, each layer, the final norm. It is contiguous, and so are the matrices that one product takes together, such as
 * wq, wk and wv. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ltm/config.h"

/* Which of the slow loop's settings scales the learning rate and decay of a weight. */
enum weight_rate {
    WEIGHT_RATE_FULL,  /* none */
    WEIGHT_RATE_LATENT /* slow.latent_lr: weights that read the latents */
};

/* How an optimiser for whole matrices treats a weight. */
enum weight_optimiser {
    WEIGHT_ELEMENTWISE, /* embeddings, the output matrix and gains: updates each number by itself */
    WEIGHT_MATRIX       /* the matrices of hidden layers */
};

struct weight {
    char name[56]; /* of the published PyTorch model (DESIGN, section 4) */
    int rank;      /* 2: a matrix (rows, columns); 1: a gain (rows) */
    int rows;
    int columns;        /* 1 for a gain */
    float init_std;     /* of the initial normal numbers; 0: all are … */
    float init_value;   /* … this */
    bool init_identity; /* … but 1 on a matrix's diagonal */
    bool init_latent;   /* … times latent.init_scale: writes the output of cross-attention into the residual stream */
    enum weight_rate rate;
    bool decays;
    enum weight_optimiser optimiser;
    /* Set by weights_add: */
    size_t offset; /* into the array */
    int block;
    int product; /* the product that it is a part of, or -1 */
};

/* The rows of a matrix, and a gain, with the usual settings; the caller may change some. */
struct weight weight_matrix(const char *name, int rows, int columns, float init_std);
struct weight weight_gain(const char *name, int rows);

/* Initial scales of matrices that read the residual stream, and of those that write into it from `depth` applied layers. */
#define WEIGHT_STD 0.02f
float weight_residual_std(int depth);

/* The second, for the layers' own projections: 0 with model.init_projections = zero. */
float weight_projection_std(const struct ltm_model_config *config);

/* Of a solver's matrices, whose outputs begin as large as their `columns` inputs. */
float weight_even_std(int columns);

/* Weights that one matrix product takes together: (out, in) at `offset`. */
struct weight_product {
    size_t offset;
    int out;
    int in;
};

struct weight_block {
    char name[24];
    size_t begin; /* of floats in the array */
    size_t end;
    int weights; /* the first of its rows */
};

struct weight_table {
    struct weight *weights; /* in the order of offsets; NULL while they are only counted, like the two below */
    struct weight_product *products;
    struct weight_block *blocks;
    int count;
    int product_count;
    int block_count;
    size_t size;          /* floats in the array */
    double orthogonalise; /* operations of orthogonalising every WEIGHT_MATRIX once (math/orthogonalise.h) */
};

/* Rows added next belong to a new block, whose name prefixes their names. */
void weights_begin_block(struct weight_table *table, const char *name);

/* Add a row, called BLOCK.NAME.weight (NAME.weight where the block's name is the weight's own). */
enum weight_use {
    WEIGHT_ALONE,   /* in no product of nn/linear.h */
    WEIGHT_PRODUCT, /* begins a product */
    WEIGHT_STACKED  /* goes on with the product of the row before */
};
void weights_add(struct weight_table *table, struct weight weight, enum weight_use use);

/* Allocate the counted rows; the table is then empty again, to be filled by the same calls. */
ltm_status weight_table_allocate(struct weight_table *table, struct ltm_error *error);
void weight_table_free(struct weight_table *table);

static inline size_t weight_size(const struct weight *w) { return (size_t)w->rows * (size_t)w->columns; }
static inline size_t block_size(const struct weight_block *block) { return block->end - block->begin; }

/* The weight of that name, or NULL. */
const struct weight *weights_find(const struct weight_table *table, const char *name);

/* The first weight with a non-finite value, or -1. */
int weights_find_nonfinite(const float *weights, const struct weight_table *table);

/* Initial weights, the same for any number of threads: N(0, init_std²), times latent_scale where init_latent; where init_std is 0, init_value or the identity. */
void weights_initialise(float *weights, const struct weight_table *table, double latent_scale, uint64_t seed);
