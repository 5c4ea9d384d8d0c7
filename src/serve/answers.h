/* Replies that need no computation by the model, and errors, as JSON. */
#pragma once

#include <jansson.h>

#include "ltm/serve.h"

/* {"error": {"message", "type", "code"}}; NULL where memory is short. The caller frees it. */
char *answer_error(int http_status, const char *message);

/* The HTTP status for a failure. */
int answer_status(ltm_status status);

/* The replies of /v1/models and /tokenizer_info, /tokenize and /detokenize. *reply is the caller's to free. */
ltm_status answer_models(char **reply, const struct ltm_model *model, const char *name, struct ltm_error *error);
ltm_status answer_tokenizer_info(char **reply, const struct ltm_model *model, struct ltm_error *error);
ltm_status answer_tokenize(char **reply, const struct ltm_model *model, const char *body, size_t bytes,
                           struct ltm_error *error);
ltm_status answer_detokenize(char **reply, const struct ltm_model *model, const char *body, size_t bytes,
                             struct ltm_error *error);
