/* ltm_eval, for callers that need the scores of each sequence too. */
#pragma once

#include "ltm/eval.h"

/* As ltm_eval; `sequences` becomes the table of them (latent/score_file.h), NULL = none. */
ltm_status evaluate(const struct ltm_model *model, const char *corpus, const struct ltm_config *config,
                    const char *sequences, const struct ltm_watch *watch, struct ltm_eval_result *result,
                    struct ltm_error *error);
