/* One thread's model under a prompt: q(z|prompt) fitted on the prompt only, then continuations scored or generated
 * under it.
 *
 *     prompted_begin(&p, ids, count, room, number);              the prompt's tokens; its number keys the noise
 *     prompted_score(&p, continuations, n, gold, logs, &greedy);
 *     prompted_write(&p, …);                                     samples, each under its own draw of z
 *
 * The prompt p_1 … p_n follows the id b that starts a document: the pass reads b, p_1 … p_(n-1) and the fit predicts
 * p_1 … p_n, as in training; p_n is read to predict the first token after the prompt. If `room` more tokens would not
 * fit after it in model.sequence, its beginning is dropped, b first, unless a state reads on (fewshot/long_prompt.h). A score is log 1/K Σ_k p(continuation | prompt,
 * z_k), z_k ~ q(z|prompt): a prediction that mixes over q. */
#pragma once

#include "fewshot/long_prompt.h"
#include "generate/sampler.h"
#include "latent/fast_loop.h"
#include "latent/streaming.h"
#include "model/decoder_stream.h"

struct prompted_options {
    struct ltm_fast_config fast;
    int draws;   /* K; 0 = z at the posterior's mean */
    bool frozen; /* fitted latents stay at the prior; of streaming ones the decoder's rate decides */
    uint64_t seed;
    int32_t begin;                     /* the id that starts a document */
    const volatile sig_atomic_t *stop; /* or NULL: once nonzero, no more is read, scored or written: LTM_INTERRUPTED */
};

/* Slots of a stream besides those of the gold continuation: choices scored, samples written at the same time. */
enum { PROMPTED_SLOTS = 16 };

struct prompted {
    const struct decoder *decoder;
    const struct prompted_options *options;
    struct decoder_pass *pass;
    struct fast_loop loop;      /* the posterior, one sequence's */
    struct streaming streaming; /* with streaming latents instead: z moves over the prompt, then stays */
    struct decoder_stream
        *stream; /* slots 0 … K - 1: the gold continuation, one per draw; PROMPTED_SLOTS more; a long prompt's */
    int draws;   /* K, at least 1 */
    int slots[PROMPTED_SLOTS];    /* of a step */
    int32_t next[PROMPTED_SLOTS]; /* tokens that it reads */
    int32_t *tokens;              /* [inputs + 1]: the input of the pass, and the token after it */
    size_t token_room;
    bool reads_on;                  /* the model's state does: nothing is ever dropped */
    struct long_prompt long_prompt; /* then */
    int inputs, read_from;          /* the last pass reads tokens[read_from … inputs - 1]; -1 = none yet */
    bool cut;                       /* the prompt's beginning was dropped, for at least one continuation */
    bool begun_cut;                 /* before any: by prompted_begin */
    bool diverged;                  /* the fit failed: z comes from the prior (latent/fast_loop.h) */
    uint32_t number;
    double *weights;    /* [K] */
    int *gold_slots;    /* [K] */
    int32_t *gold_next; /* [K] */
    float *mixture;     /* [V] */
    /* Told of each token of a gold continuation, where `greedy` is asked for: log p given all before it, and the mixture's
     * probabilities of all tokens, times K; or NULL. */
    void (*on_gold)(void *user, int32_t token, double log_p, const float *mixture);
    void *on_gold_user;
    /* Where positions leave loops, += : the loops of those that predict a gold continuation's tokens, where `greedy` is asked
     * for, or a sample's, and how many they are. */
    double loops;
    int64_t looped;
    double *logs; /* [log_room]: log-likelihoods by continuation and draw */
    size_t log_room;
    struct history *moves; /* while z moves through a continuation: its text */
};

/* The weights' decoder is the one that fits. */
ltm_status prompted_create(struct prompted *p, const struct stream_weights *weights,
                           const struct prompted_options *options, struct ltm_error *error);
void prompted_free(struct prompted *p);

/* room: 1 … T_max - 1. */
ltm_status prompted_begin(struct prompted *p, const int32_t *ids, size_t count, int room, uint32_t number,
                          struct ltm_error *error);

/* LTM_NUMERIC for a score that is not finite. */
ltm_status prompted_fail_nonfinite(const struct prompted *p, struct ltm_error *error);

struct continuation {
    int32_t *ids;
    size_t count; /* 1 … prompted_longest */
};

/* The most tokens that are scored, or written, where z stays: T_max, or without end where there is no z and a memory. */
int prompted_longest(const struct ltm_model_config *config);

/* logs (n) = log p(continuation | prompt) in nats. greedy, unless NULL: whether each token of the gold continuation is the
 * likeliest one of the mixture over draws. A continuation longer than the prompt's room is scored after as much
 * of the prompt's end as fits, independent of the others; z stays as fitted. Where a state reads on, all are scored behind one
 * reading of the prompt, that of the longest. */
ltm_status prompted_score(struct prompted *p, const struct continuation *continuations, int n, int gold, double *logs,
                          bool *greedy, struct ltm_error *error);

/* The same for one continuation of any length under streaming latents that keep moving through it: the score does not depend on where
 * the prompt ends. */
ltm_status prompted_score_moving(struct prompted *p, const struct continuation *continuation, double *log_p,
                                 bool *greedy, struct ltm_error *error);

/* Called with each token of a sample; more = false ends it. */
typedef ltm_status (*prompted_token_fn)(void *user, int sample, int32_t token, bool *more, struct ltm_error *error);

/* Write `samples` texts of up to `length` tokens, at most the prompt's room. A sample does not depend on the number of
 * samples. */
ltm_status prompted_write(struct prompted *p, struct sampler *sampler, int samples, int length,
                          prompted_token_fn on_token, void *user, struct ltm_error *error);
