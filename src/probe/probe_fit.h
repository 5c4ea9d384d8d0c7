/* From features to factors: ridge regression, its λ, its score on unseen documents. */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* A factor of every document. classes 0: a number, one column of targets; else one-hot, a column for each class. */
struct probe_factor {
    char name[48];
    int classes, column; /* where its targets begin */
};

struct probe_data {
    int train, test; /* documents; rows 0 … train - 1, then those of the test */
    double *targets; /* (train + test, columns) */
    int columns;
    const struct probe_factor *factors;
    int factor_count;
    int validation; /* the number of last training rows that choose λ */
    uint64_t seed;  /* of the bootstrap */
};

struct probe_score {
    double lambda, score, error, chance;
};

/* scores (factor_count): from the features x (train + test, width), `stride` floats from row to row. */
ltm_status probe_fit(struct probe_score *scores, const struct probe_data *data, const float *x, int width,
                     size_t stride, struct ltm_error *error);
