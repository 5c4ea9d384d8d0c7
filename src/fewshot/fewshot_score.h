/* An item answered by log-likelihood: choices, pairs, last words. */
#ifndef FEWSHOT_FEWSHOT_SCORE_H
#define FEWSHOT_FEWSHOT_SCORE_H

#include "fewshot/item_record.h"

/* As fewshot_item; `prompt` ends where the answer begins. */
ltm_status fewshot_score(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                         struct fewshot_worker *worker, int64_t number, const char *prompt, struct ltm_error *error);

#endif
