/* An item answered by writing: text up to where it stops, what each filter takes from it, and how often that is right. */
#pragma once

#include "fewshot/item_record.h"

/* As fewshot_item; `prompt` ends where the answer begins. */
ltm_status fewshot_write(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                         struct fewshot_worker *worker, int64_t number, const char *prompt, struct ltm_error *error);
