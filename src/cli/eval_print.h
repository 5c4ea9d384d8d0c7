/* Scores as `ltm eval` shows them: a block for a single result, a table for several, JSON for machines. */
#pragma once

#include <jansson.h>

#include "ltm/eval.h"
#include "setting_grid.h"

/* One result, every figure in its three units. */
void eval_print_block(const char *corpus, const struct ltm_config *config, const struct ltm_eval_result *result);

/* One figure's line in such a block, under its heading; none where it was not taken. */
void eval_print_measure_heading(void);
void eval_print_measure(const char *name, const struct ltm_measure *m, bool perplexity);
void eval_add_measure(json_t *json, const char *name, const struct ltm_measure *m);

/* A row a corpus and a combination of lists. Nats a token, but the bound's bits a byte in the last column. */
struct eval_table {
    const struct setting_grid *grid;
    int width; /* of the corpus's column */
};
void eval_print_heading(const struct eval_table *table, const struct ltm_eval_result *first);
void eval_print_row(const struct eval_table *table, const char *corpus, int row, const struct ltm_eval_result *result);

json_t *eval_json(const struct setting_grid *grid, const char *corpus, int row, const struct ltm_config *config,
                  const struct ltm_eval_result *result);
