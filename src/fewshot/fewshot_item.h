/* One item of a few-shot task: asked, answered, measured. */
#pragma once

#include "fewshot/item_record.h"

/* Measure item `number`. The caller frees both outputs, also after a failure. LTM_NUMERIC if a log-likelihood is not
 * finite, LTM_INVALID for a choice that is too long; both name the item. */
ltm_status fewshot_item(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                        struct fewshot_worker *worker, int64_t number, struct ltm_error *error);

/* Whether an answer of the item is longer than the model's sequence, so that it cannot be scored. */
bool fewshot_item_is_long(const struct fewshot_run *run, int64_t number);
