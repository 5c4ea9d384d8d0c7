/* Completions made: the work behind /v1/completions, one request at a time.
 *
 * What is written is what ltm_generate writes with the same seed and options, its prompts those of the request. Scores of a prompt
 * ("echo" with "logprobs") are ltm_scorer_answer's, of what stands behind its first context_tokens; those have none. */
#pragma once

#include <signal.h>

#include "ltm/scorer.h"
#include "ltm/serve.h"
#include "serve/completion_request.h"
#include "serve/sessions.h"

struct completions {
    const struct ltm_model *model;
    const struct ltm_serve_options *options;
    struct ltm_scorer *scorer;
    struct sessions sessions;
    int64_t answered;
};

/* Where a stream's events go. */
struct completion_stream {
    void *user;
    void (*event)(void *user, const char *json); /* each a JSON object */
};

ltm_status completions_open(struct completions *c, const struct ltm_model *model,
                            const struct ltm_serve_options *options, struct ltm_error *error);
void completions_close(struct completions *c);

/* *reply becomes the JSON of an answer, the caller's to free; of a streamed one NULL, and its events went to `stream`. *stop becoming
 * nonzero ends the work with LTM_INTERRUPTED. LTM_INVALID for what the request is to blame for. */
ltm_status completion_run(char **reply, struct completions *c, const struct completion_request *request,
                          const struct completion_stream *stream, const volatile sig_atomic_t *stop,
                          struct ltm_error *error);
