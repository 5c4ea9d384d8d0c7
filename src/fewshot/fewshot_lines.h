/* Items as lines of JSON, in the layout of the harness's samples: a line for each item and filter, with what was asked
 * (`arguments`), answered (`resps`), taken from that by the filter (`filtered_resps`) and the filter's metrics by name. Ours
 * besides: `cut`, whether the prompt was too long, and `filters`, how many lines the item has. */
#pragma once

#include "fewshot/item_record.h"

/* All lines of an item; the caller frees *lines. */
ltm_status lines_write(char **lines, const struct item_outcome *outcome, const struct item_record *record,
                       struct ltm_error *error);

/* One line back into the outcome of its item: `number` gets which, `filters` how many lines that has. LTM_CORRUPT for what is
 * no such line. */
ltm_status line_read(struct item_outcome *outcomes, int64_t items, const char *line, size_t bytes, int64_t *number,
                     int *filters, struct ltm_error *error);
