/* Few-shot results as `ltm fewshot` shows them: for each task a row a number of shots; then the metrics of bins (those with a
 * "name=value"), a row each and a column a number of shots. */
#ifndef CLI_FEWSHOT_PRINT_H
#define CLI_FEWSHOT_PRINT_H

#include "ltm/fewshot.h"

/* `results`: one task's so far, the last of which is new. */
void fewshot_print_row(const struct ltm_fewshot_result *results, int count);

/* When all are there. */
void fewshot_print_bins(const struct ltm_fewshot_result *results, int count);

#endif
