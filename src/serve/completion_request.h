/* A request to /v1/completions, checked; an error is one sentence that says what is wrong.
 *
 * Fields of the OpenAI form: prompt (a text, a list of texts, token ids, a list of lists of ids), max_tokens (16), temperature
 * (1; 0 = the likeliest token), top_p (1), n (1), seed (1), stop (a text or a list), logprobs (0 … LTM_TOP_MOST), echo, stream.
 * model, user and stream_options are ignored; suffix, logit_bias, best_of and penalties are refused unless they have no effect.
 * Further fields:
 *
 *     top_k (0 = all)
 *     context_tokens   number of the prompt's first tokens on which z is fitted (or a list: one number per prompt); 0 = z
 *                      from the prior. Without it z is fitted on the whole prompt, which then has no scores
 *     session          a name: continue the text of this session, under its z
 *     refit            with a session: fit z again on all of its text, before writing
 *     turn             with a session: number of this turn, from 0; the last turn may be requested again, which replaces it */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "ltm/generate.h"

enum {
    COMPLETION_PROMPTS_MOST = 1024,   /* prompts times n */
    COMPLETION_TOKENS_MOST = 1 << 20, /* in all prompts; written per request, times the log p reported for each */
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

/* vocab: limit of the ids. LTM_INVALID, LTM_MEMORY. Free it also after a failure. */
ltm_status completion_request_read(struct completion_request *request, const char *text, size_t bytes, int vocab,
                                   struct ltm_error *error);
void completion_request_free(struct completion_request *request);

/* The JSON object in a request's body, which the caller frees. LTM_INVALID. */
ltm_status request_object(json_t **object, const char *text, size_t bytes, struct ltm_error *error);
