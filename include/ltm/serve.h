/* A model behind HTTP, in the OpenAI form of completions.
 *
 *     struct ltm_serve_options options = ltm_serve_defaults();
 *     options.port = 8080;
 *     ltm_serve(model, &options, &hooks, &error);      answers until *hooks.stop becomes nonzero
 *
 *     POST /v1/completions   prompt (text, ids, or lists of them), max_tokens, temperature, top_p, top_k, n, seed, stop, logprobs,
 *                            echo, stream (server-sent events); context_tokens, session, refit, turn (see below)
 *     GET  /v1/models        the one model; a request's "model" is not looked at
 *     POST /tokenize         {"prompt": TEXT} → {"tokens": [id, …], "count", "max_model_len"}
 *     POST /detokenize       {"tokens": [id, …]} → {"prompt": TEXT}
 *     GET  /tokenizer_info   {"eos_token", "bos_token", "vocab_size", …}
 *     GET  /                 a page to try the model
 *
 * With fitted latents, "context_tokens" is the number of the prompt's first tokens on which z is fitted (one number, or a list with one
 * per prompt; 0: z from the prior). Without it z is fitted on the whole prompt, as by ltm_generate; "echo" with "logprobs" is then
 * refused, because z would have seen the tokens that it scores. Tokens of the context have no score (null). With streaming latents no
 * boundary is needed: z moves through the prompt as in reading.
 *
 * A "session" (a name) is a text that continues from request to request, as in ltm/session.h: z is fitted on its first prompt and kept, or
 * fitted anew on all of the text with "refit": true. A turn that fails leaves the text as it was. A reply names its "turn", from 0; a
 * request that names its own is answered once: if the reply was lost, the same request takes the last turn back and makes it again (if
 * that fails, the last turn stays). One whose turn is not the next is refused, and opens no session.
 *
 * An error is {"error": {"message", "type", "code"}}: 400 for an invalid request, 403 for one that a browser sends for a page of
 * another site, or whose Host is not a name of this server, 404, 405, 413 for one that is too large, 429 with too many under way, 503 for one that took too long, whose client
 * reads its stream too slowly, or that the end of the server cut off, 500 for what the model cannot do.
 *
 * When a client closes its connection, the work for it stops. */
#pragma once

#include <signal.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/model.h"
#include "ltm/status.h"

LTM_C_BEGIN

struct ltm_serve_options {
    const char *host;       /* a name or an address to listen at */
    const char *allow_host; /* other names for it in Host, without ports, separated by commas; or NULL */
    int port;               /* 0 = one that is free */
    const char *name;       /* of the model, in replies */
    int64_t max_body;       /* bytes of a request */
    int max_requests;       /* that wait or are answered at a time; they are answered one by one */
    int timeout;   /* seconds for a request to arrive, and for its answer; twice that for the client to read it */
    int sessions;  /* most kept; a new one replaces the least recently used */
    int draws;     /* of z behind a score of a prompt, as in ltm/scorer.h */
    uint64_t seed; /* of scores */
    int threads;   /* LTM_AUTO = one a core */
    int precision; /* enum ltm_precision */
    const struct ltm_fast_config *fast; /* how prompts are fitted; NULL = as in training */
    struct ltm_exit_config exit;        /* how tokens that are written leave the core's loops; 0: not */
};

/* 127.0.0.1, port 8080, name "ltm", 1 MiB, 64 requests, 60 s, 16 sessions, 4 draws, seed 1, the rest auto. */
struct ltm_serve_options ltm_serve_defaults(void);

struct ltm_serve_hooks {
    void *user;
    void (*on_ready)(void *user, const char *url); /* it listens; or NULL */
    const volatile sig_atomic_t *stop;             /* once nonzero, the server ends: running requests get 503 */
};

/* LTM_UNSUPPORTED in a build without libmicrohttpd, or for a model without a tokenizer; LTM_IO if it cannot listen. */
ltm_status ltm_serve(const struct ltm_model *model, const struct ltm_serve_options *options,
                     const struct ltm_serve_hooks *hooks, struct ltm_error *error);

LTM_C_END
