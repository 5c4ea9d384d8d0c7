/* The columns of results.csv: written by ltm sweep and read by ltm report. */
#pragma once

#include <stdio.h>

#include "lab/study.h"
#include "ltm/eval.h"

/* Axes come after the seed, scores after the last. */
enum {
    COLUMN_CELL,
    COLUMN_STATUS,
    COLUMN_SEED,
    COLUMN_BUDGET_TOKENS,
    COLUMN_BUDGET_FLOPS,
    COLUMN_TOKENS,
    COLUMN_PARAMETERS,
    COLUMN_PARAMETERS_WITHOUT_EMBEDDINGS,
    COLUMN_PARAMETERS_RECURRENT,
    COLUMN_LATENT_NUMBERS,
    COLUMN_FORWARD_FLOPS,
    COLUMN_TOKEN_FLOPS,
    COLUMN_TRAINING_FLOPS,
    COLUMN_STEP,
    COLUMN_SCORED_TOKENS,
    STUDY_COLUMNS
};

struct study_row {
    const struct study_cell *from;
    struct ltm_cell cell; /* the same, as it is told */
};

struct study_column {
    const char *name;
    bool setting; /* cells that differ in it differ in more than their seed */
    void (*put)(FILE *file, const struct study_row *row);
};

extern const struct study_column study_columns[STUDY_COLUMNS];

/* The scores of a corpus: all are losses or similar, each with a column NAME_stderr. */
enum { STUDY_SCORES = 13 };

struct study_score_column {
    const char *name;
    size_t offset; /* of its struct ltm_score in struct ltm_eval_result */
};

extern const struct study_score_column study_score_columns[STUDY_SCORES];

/* A number from result.json; empty if it is not one. */
void study_put_json(FILE *file, const json_t *value);
