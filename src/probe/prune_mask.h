/* Masks over the weights of a model's matrices (ltm/prune.h): a number of each such weight, one matrix after the other. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/prune.h"
#include "stages/weights.h"

/* The matrices of the layers: not gains, the embedding, the output or what else answers do not pass, as heads of training. */
struct prune_matrices {
    const struct weight_table *table; /* borrowed */
    int *rows;                        /* [count]: of the table */
    size_t *begins;                   /* [count + 1]: where each begins among the weights that can be masked */
    int count;
};

ltm_status prune_matrices_create(struct prune_matrices *matrices, const struct weight_table *table,
                                 struct ltm_error *error);
void prune_matrices_free(struct prune_matrices *matrices);

static inline size_t prune_size(const struct prune_matrices *m) { return m->begins[m->count]; }

/* mask (n) = 1 for the `keep` highest scores, of equal ones the first; room (n) is scratch. */
void prune_select(uint8_t *mask, const float *scores, size_t n, size_t keep, float *room);

/* A random mask with as many weights of each matrix as `mask`, the number-th of a seed; room (2 n). */
void prune_random(uint8_t *random, const struct prune_matrices *matrices, const uint8_t *mask, uint64_t seed,
                  int number, float *room);

/* masked (the table's size) = weights, with 0 where the mask is 0, or where it is 1 for its complement. */
void prune_apply(float *masked, const float *weights, const struct prune_matrices *matrices, const uint8_t *mask,
                 bool complement);

int64_t prune_kept(const struct prune_matrices *matrices, const uint8_t *mask, int matrix);

/* scores (n) = |w| of each weight by the root mean square of its matrix, times `scale`. */
void prune_magnitudes(float *scores, const float *weights, const struct prune_matrices *matrices, double scale);

#define MASK_FORMAT "ltm-mask-1"

/* As safetensors: a tensor of zeros and ones for each matrix, named like its weight. Atomic. */
ltm_status prune_write(const char *path, const struct prune_matrices *matrices, const uint8_t *mask,
                       struct ltm_error *error);
ltm_status prune_read(uint8_t *mask, const char *path, const struct prune_matrices *matrices, struct ltm_error *error);

/* Jaccard's index of two masks, and what it would be on average, about, were the kept weights of each matrix drawn at random. */
void prune_overlap(double *overlap, double *chance, const struct prune_matrices *matrices, const uint8_t *a,
                   const uint8_t *b);
