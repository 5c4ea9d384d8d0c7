/* An item answered by generation: text up to its stop, the output of each filter, and how often that is right. */
#pragma once

#include "fewshot/item_record.h"

/* As fewshot_item; `prompt` ends where the answer starts. */
ltm_status fewshot_write(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                         struct fewshot_worker *worker, int64_t number, const char *prompt, struct ltm_error *error);
