/* Answers to scoring requests, so that another program's evaluation can drive a model.
 *
 *     struct ltm_scorer *scorer;
 *     struct ltm_scorer_options options = ltm_scorer_defaults();
 *     ltm_scorer_open(&scorer, model, &options, &error);
 *     ltm_scorer_answer(scorer, lines, replies, n, &error);     n JSON objects as text, n texts to free
 *     ltm_scorer_close(scorer);
 *
 * A request and its reply are one object each; a request's "id" is returned unchanged:
 *
 *     {"context": "Two and two is", "continuation": " four"}
 *         {"logprob": -3.2, "greedy": false, "tokens": 1, "cut": false}
 *     {"context": [5, 17], "continuation": [9], "top": 2}
 *         … "ids": [9], "logprobs": [-3.2], "top": [[[4, -1.1], [9, -3.2]]]
 *     {"context": "Two and two is", "generate": true, "stop": ["\n"], "length": 32}
 *         {"text": " four.", "ended": true, "tokens": 3, "cut": false}
 *     anything else
 *         {"error": "…"}
 *
 * z is fitted on the context and never on the continuation, which is why a request says where the one ends: log p(continuation |
 * context) = log of the mean over draws of z ~ q(z|context), as in ltm/fewshot.h; of an empty context the draws are the prior's. Both may
 * be token ids. "top" asks for each token of the continuation: its log p given all before it, and so many of the likeliest
 * tokens there, each [id, log p] (0 to LTM_TOP_MOST of ltm/generate.h). The continuation stands directly behind the context
 * (blanks at the context's end are counted to it), and of a context that does not fit before it the end is kept ("cut"), unless the
 * model's state reads all of it: with streaming latents, or model.memory and no latents. What is
 * written ends before the first text of "stop" (a list, or one), at the end of a document ("ended"), or after "length" tokens;
 * "temperature" (0: the likeliest token), "top_k", "top_p" and "seed" as in ltm/generate.h. With streaming latents the context moves
 * z, which then stays; with "moves": true (and token ids) z keeps moving through the continuation, so that the scores do not depend on
 * where the context ends, and the continuation may be of any length. Replies depend neither on what else is asked nor on threads. */
#pragma once

#include <signal.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/model.h"
#include "ltm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ltm_scorer_options {
    int draws;                          /* of z; 0 = at the posterior's mean */
    uint64_t seed;                      /* of the noise */
    int threads;                        /* requests answered in parallel; 0 = one per core */
    int precision;                      /* enum ltm_precision */
    const struct ltm_fast_config *fast; /* how contexts are fitted; NULL = as in training */
};

/* 4 draws, seed 1, all cores, precision auto, fitted as in training. */
struct ltm_scorer_options ltm_scorer_defaults(void);

/* The model must outlive the scorer. LTM_UNSUPPORTED for a model without a tokenizer. */
struct ltm_scorer;
ltm_status ltm_scorer_open(struct ltm_scorer **scorer, const struct ltm_model *model,
                           const struct ltm_scorer_options *options, struct ltm_error *error);
void ltm_scorer_close(struct ltm_scorer *scorer); /* NULL is fine */

/* Once *stop is nonzero, no more is read, scored or written, and the reply is an error. NULL, as at first: never. */
void ltm_scorer_stop(struct ltm_scorer *scorer, const volatile sig_atomic_t *stop);

int ltm_scorer_threads(const struct ltm_scorer *scorer);

/* replies (n): a line of JSON without its newline for each of lines (n), which the caller frees. An invalid request gets an error
 * as its reply; only LTM_MEMORY fails. Consecutive requests with the same context share its fit. */
ltm_status ltm_scorer_answer(struct ltm_scorer *scorer, const char *const *lines, char **replies, int n,
                             struct ltm_error *error);

#ifdef __cplusplus
}
#endif
