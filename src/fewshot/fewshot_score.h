/* An item answered by log-likelihood: choices, pairs, last words. */
#pragma once

#include "fewshot/item_record.h"

/* As fewshot_item; `prompt` ends where the answer starts. */
ltm_status fewshot_score(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                         struct fewshot_worker *worker, int64_t number, const char *prompt, struct ltm_error *error);

/* logs (n) of texts after a prompt without its trailing blanks; greedy, unless NULL, of the gold one. `number` keys the
 * noise; fitted: p was last fitted on this prompt.
 * LTM_INVALID for a text over prompted_longest. */
ltm_status score_behind(double *logs, bool *greedy, struct prompted *p, const struct ltm_tokenizer *tokenizer,
                        uint32_t number, bool fitted, const char *prompt, const char *const *texts, int n, int gold,
                        struct ltm_error *error);

/* How many tokens score_behind would score of a text. */
ltm_status score_tokens(size_t *tokens, const struct ltm_tokenizer *tokenizer, const char *prompt, const char *text,
                        struct ltm_error *error);
