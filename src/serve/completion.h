/* The work behind /v1/completions, one request at a time.
 *
 * Text is that of ltm_generate with the same prompts, seed and options. Scores of a prompt ("echo" with "logprobs") are those of
 * ltm_scorer_answer, for the tokens after its first context_tokens. */
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

/* Receives the events of a stream. */
struct completion_stream {
    void *user;
    void (*event)(void *user, const char *json); /* each a JSON object */
};

ltm_status completions_open(struct completions *c, const struct ltm_model *model,
                            const struct ltm_serve_options *options, struct ltm_error *error);
void completions_close(struct completions *c);

/* *reply = the answer as JSON, which the caller frees; NULL if it was streamed to `stream`. Once *stop is nonzero, the work ends with
 * LTM_INTERRUPTED. LTM_INVALID if the request is at fault. */
ltm_status completion_run(char **reply, struct completions *c, const struct completion_request *request,
                          const struct completion_stream *stream, const volatile sig_atomic_t *stop,
                          struct ltm_error *error);
