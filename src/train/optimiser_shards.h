/* The division of the optimiser's state among processes.
 *
 * The array of weights is cut into its blocks (stages/weights.h: what the backward pass completes at a time),
 * blocks into pieces of at most PIECE floats, and a piece into one slice a process, at multiples of GRAIN floats. A process
 * owns its slice of every piece: it alone keeps their moments and sums their gradients. The assignment of slices
 * rotates from piece to piece, so that small pieces do not all go to one process. With one process a slice is the whole
 * piece.
 *
 * For an optimiser that steps whole matrices each of those (WEIGHT_MATRIX) is a piece by itself, whatever its size, and one slice;
 * what lies between them is cut as above. Either way the pieces, and so the order of the norm's sum, depend on no process.
 *
 * State arrays hold the own slices one behind the other, each from a multiple of 64 bytes, in the order of the weights: the
 * gradient those of all pieces, the optimiser's states those of whole matrices alone or those of the others alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "stages/weights.h"

enum { GRAIN = 1 << 15, PIECE = 1 << 20 };

struct range {
    size_t begin, end; /* of floats in the array of weights */
};

struct piece {
    struct range all, own; /* own may be empty */
    bool whole;            /* a matrix that one process steps */
    size_t at;             /* where the own slice lies in arrays of all pieces */
    size_t at_alike;       /* … and in those of pieces that are whole as it is, or not */
    size_t grain;          /* grains of all pieces before it */
};

struct optimiser_shards {
    int processes, rank;
    struct piece *pieces; /* in the order of the weights */
    int count;
    int blocks;
    int *first;          /* [blocks + 1] first piece of each block */
    size_t own;          /* floats of an array of all pieces */
    size_t own_alike[2]; /* … of those that are not whole, and of those that are */
    size_t largest;      /* floats of a piece */
    size_t grains;       /* of all pieces */
};

ltm_status optimiser_shards_create(struct optimiser_shards *shards, const struct weight_table *table,
                                   bool whole_matrices, int processes, int rank, struct ltm_error *error);
void optimiser_shards_free(struct optimiser_shards *shards);

/* Which floats of a piece are a process's. */
struct range optimiser_shards_slice(const struct optimiser_shards *shards, int piece, int process);
