/* results.csv of a study (ltm/sweep.h), for its report: cells, grouped by everything except the seed, and their
 * scores. Unknown columns are kept for the page's table. */
#pragma once

#include <stdbool.h>

#include "base/csv.h"
#include "ltm/config.h"
#include "ltm/status.h"

enum { TABLE_BUDGETS = 16, TABLE_CORPORA = 16 };

/* Cells that differ only in their seed. Numbers in neither the table nor base.ini are NaN. */
struct study_group {
    size_t row; /* the first of them */
    double dim, latents, steps, loops, parameters, recurrent, latent_numbers, tokens, flops, token_flops;
    int budget; /* which of the study's budgets; -1 if there are more than TABLE_BUDGETS */
    int corpus; /* likewise */
    bool full;  /* attends to its whole sequence */
};

struct study_table {
    struct csv csv;
    size_t done;
    int *group_of; /* of each row; -1 unless it is done */
    struct study_group *group;
    size_t groups;
    char budget[TABLE_BUDGETS][64];    /* "1 M tokens" */
    const char *corpus[TABLE_CORPORA]; /* values of data.corpus, the csv's own; "" if that is not an axis */
    int budgets, corpora;
};

/* The mean of a score over a group's cells. Its error combines those of the scores and the spread of seeds, if
 * there are several: sqrt(mean of squared errors + variance / cells). */
struct study_value {
    double mean, error; /* NaN if there is none */
    double spread;      /* the variance of the mean due to seeds */
    int cells;
};

struct study_score {
    const char *name;          /* the column's */
    bool lower;                /* is better */
    struct study_value *value; /* of each group */
};

ltm_status study_table_read(struct study_table *table, const char *folder, struct ltm_error *error);
void study_table_free(struct study_table *table);

/* LTM_INVALID, with the nearest column, if there is no such one. */
ltm_status study_score_take(struct study_score *score, const struct study_table *table, const char *name,
                            struct ltm_error *error);
void study_score_free(struct study_score *score);

/* "bound, nats a token" */
void study_score_label(char label[240], const struct study_score *score);

/* Whether any finished cell has a figure in the column. */
bool study_table_has(const struct study_table *table, const char *name);

/* The folder of a row's cell within the study's; false for a name that ltm sweep cannot have given, since the table is
 * untrusted. */
bool study_cell_folder(char path[LTM_PATH_MAX], const char *folder, const struct study_table *table, size_t row);

/* Whether two groups agree in all columns of the table for which `key` is true. */
bool study_same(const struct study_table *table, size_t a, size_t b, bool (*look)(const char *column));
/* Whether the cells are variants, each with keys of its own, which the table does not have as columns. */
bool study_has_variants(const struct study_table *table);

bool study_is_axis(const char *column); /* section.key */
