/* Scores as `ltm eval` prints them: a block for a single result, a table for several, or JSON. */
#pragma once

#include <jansson.h>

#include "ltm/eval.h"
#include "setting_grid.h"

/* One result, each score in its three units. */
void eval_print_block(const char *corpus, const struct ltm_config *config, const struct ltm_eval_result *result);

/* One score's line in such a block, under its heading; no line if it was not taken. */
void eval_print_measure_heading(void);
void eval_print_measure(const char *name, const struct ltm_measure *m, bool perplexity);
void eval_add_measure(json_t *json, const char *name, const struct ltm_measure *m);

/* One row per corpus and combination of lists. Nats per token, and the bound's bits per byte in the last column. */
struct eval_table {
    const struct setting_grid *grid;
    int width; /* of the corpus's column */
};
void eval_print_heading(const struct eval_table *table, const struct ltm_eval_result *first);
void eval_print_row(const struct eval_table *table, const char *corpus, int row, const struct ltm_eval_result *result);

json_t *eval_json(const struct setting_grid *grid, const char *corpus, int row, const struct ltm_config *config,
                  const struct ltm_eval_result *result);
