/* Items as lines of JSON, in the layout of the harness's samples: a line for each item and filter, with the requests
 * (`arguments`), the answers (`resps`), the filter's output (`filtered_resps`) and the filter's metrics by name. Our
 * additions: `cut`, whether the prompt was too long, and `filters`, the number of lines of the item. */
#pragma once

#include "fewshot/item_record.h"

/* All lines of an item; the caller frees *lines. */
ltm_status lines_write(char **lines, const struct item_outcome *outcome, const struct item_record *record,
                       struct ltm_error *error);

/* Parse one line into the outcome of its item: `number` becomes the item, `filters` its number of lines. LTM_CORRUPT
 * for anything else. */
ltm_status line_read(struct item_outcome *outcomes, int64_t items, const char *line, size_t bytes, int64_t *number,
                     int *filters, struct ltm_error *error);
