/* A request to /v1/completions, checked: what the server can do with it, or one sentence on what is wrong.
 *
 * Fields of the OpenAI form: prompt (a text, a list of texts, token ids, a list of lists of ids), max_tokens (16), temperature
 * (1; 0 = the likeliest token), top_p (1), n (1), seed (1), stop (a text or a list), logprobs (0 … LTM_TOP_MOST), echo, stream.
 * model, user and stream_options are not looked at; of suffix, logit_bias, best_of and penalties only what asks for nothing
 * passes. Ours:
 *
 *     top_k (0 = all)
 *     context_tokens   z is fitted on so many of the prompt's first tokens (a number, or a list of one a prompt); 0 = z from
 *                      the prior. Without it z is fitted on the whole prompt, and then there are no scores of the prompt
 *     session          a name: the text goes on from what this session has read and written, under its z
 *     refit            with a session: fit z anew on all of that, before writing
 *     turn             with a session: which turn of it this is, from 0; the last one may be asked for again, in place of itself */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "ltm/generate.h"

enum {
    COMPLETION_PROMPTS_MOST = 1024,   /* prompts times n */
    COMPLETION_TOKENS_MOST = 1 << 20, /* of all prompts; written by a request, each as often as it has log p told of */
    COMPLETION_STOPS_MOST = 64,
    COMPLETION_SESSION_NAME = 64
};

struct completion_request {
    json_t *object;                   /* owns the texts */
    const char **texts;               /* [count]; or NULL */
    struct ltm_prompt_tokens *tokens; /* [count]; or NULL: they are texts */
    int count;
    int *context_tokens; /* [count]; or NULL: not said */
    int max_tokens, n, top_k, logprobs /* -1 = none */, stop_count;
    const char *stops[COMPLETION_STOPS_MOST];
    double temperature, top_p;
    uint64_t seed;
    bool echo, stream, seeded, refit;
    const char *session; /* or NULL */
    int64_t turn;        /* -1 = not said */
};

/* vocab: ids are below it. LTM_INVALID, LTM_MEMORY. To be freed also after a failure. */
ltm_status completion_request_read(struct completion_request *request, const char *text, size_t bytes, int vocab,
                                   struct ltm_error *error);
void completion_request_free(struct completion_request *request);

/* A JSON object out of a request's body; the caller's. LTM_INVALID. */
ltm_status request_object(json_t **object, const char *text, size_t bytes, struct ltm_error *error);
