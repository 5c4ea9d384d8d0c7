/* Training: the two loops (paper, algorithm 1), with held-out scores, checkpoints and a log.
 *
 *     struct ltm_train_hooks hooks = {.on_step = show};
 *     ltm_train(&config, &hooks, &result, &error);
 *
 * A slow step whose loss or gradient is not finite changes nothing: with run.on_nonfinite = stop the run ends with LTM_NUMERIC,
 * a message that names step, tensor and sequence, and a checkpoint of the state before; with skip it continues without that update,
 * up to LTM_SKIPPED_MOST in a row. A sequence whose fast loop diverges gets the prior as its posterior, so the batch is complete.
 *
 * Starts a run in config->run.dir, from the weights of config->run.from if set, or resumes it bit-exactly from its newest complete checkpoint,
 * for any number of threads. With slow.schedule = wsd a finished run can also be extended by raising run.tokens: it resumes from
 * before its rate fell, and the shorter run is kept in run.dir/tokens-N. The folder's sequences.csv has the held-out score of each
 * sequence at the best bound, so that two runs can be compared on the same text. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/status.h"
#include "ltm/stream_scores.h"
#include "ltm/watch.h"

LTM_C_BEGIN

enum { LTM_SKIPPED_MOST = 10 };

/* Training has diverged if its loss is this many times ln V, the cost of a uniform guess among V tokens. */
#define LTM_ABOVE_UNIFORM 1.1

/* The held-out score of one of several corpora. */
struct ltm_corpus_score {
    const char *name; /* its folder */
    double share;     /* of the training tokens */
    double recon, kl, bound, bound_error, bits_per_byte;
};

/* One slow step (or one held-out scoring), as in log.jsonl. Nats per token throughout; the log omits values that are not
 * finite. */
struct ltm_train_record {
    int64_t step, steps; /* steps done, and in total */
    int64_t tokens;      /* training tokens seen */
    double recon, kl,
        loss;             /* means over the batch; loss is what the slow step minimised, without slow.predict's part */
    double bound;         /* recon + kl under noise that the fit has not seen: only if heldout is true */
    double ema_bound;     /* of the average of the weights (slow.ema), with dpo its loss; else 0 */
    double bound_error;   /* its standard error over sequences */
    double bits_per_byte; /* the bound in bits per byte of the scored text; NAN without a tokenizer */
    const struct ltm_corpus_score
        *corpus; /* of data.corpora [corpora]: recon, kl and bound are their means weighted by share */
    int corpora; /* 0 with one corpus */
    struct ltm_stream_scores stream; /* of a held-out scoring with streaming latents; else its parts are 0 */
    /* Held-out answers of data.kind = pairs, and those that greedy decoding reproduces exactly. */
    double answers, matches;
    /* slow.objective = dpo: instead of recon and bound, means over pairs of answers, in nats: log p of each answer (with latents a
     * lower bound on that of a prediction that mixes over z); the margin, slow.dpo_beta times the gain of the chosen answer's log p
     * over the rejected one's; accuracy, the share of pairs with a margin above 0. */
    bool preferences;
    double chosen, rejected, margin, accuracy;
    bool heldout; /* a held-out scoring, not a training step */
    double lr, grad_norm;
    int batch, window; /* of a slow step: sequences, and tokens that a position sees; 0 unless one of them grows */
    int loops;         /* of the core; 0 unless they grow or are sampled */
    double seconds;    /* of slow steps, over all resumes, without scoring and checkpoints */
    double tokens_per_second; /* recent */
    double utilisation;       /* useful work / measured matrix speed of all threads */
    /* In the log only if they apply: */
    double spike; /* how many running standard deviations the loss is above its running mean (of about 100 steps), if
                              more than 5 (src/train/loss_spikes.h); else 0 */
    bool above_uniform;    /* recon is above LTM_ABOVE_UNIFORM * ln V */
    int64_t diverged;      /* sequences whose fast loop diverged, so that the prior replaces their fit */
    const char *nonfinite; /* what was not finite, so that this step changed no weight; else NULL */
};

struct ltm_train_hooks {
    struct ltm_watch watch; /* messages, and progress of loading, of a slow step, and of scoring */
    void *user;
    void (*on_step)(void *user, const struct ltm_train_record *record); /* after each slow step and each scoring */
    const volatile sig_atomic_t *
        stop; /* once nonzero: begin no further group of sequences (with several processes: finish the slow step), write a
                   checkpoint, return LTM_INTERRUPTED */
};

struct ltm_train_result {
    int64_t step, tokens;
    bool preferences;  /* slow.objective = dpo, whose held-out loss replaces the bound */
    double best_bound; /* best held-out bound, nats per token */
    int64_t best_step;
    char best[LTM_PATH_MAX]; /* folder of the best checkpoint */
    char dir[LTM_PATH_MAX];  /* of the run, also if it was moved */
    int64_t skipped;         /* slow steps without an update because something was not finite; over all resumes */
    int64_t spikes;          /* of the loss; over all resumes */
    int64_t above_uniform;   /* slow steps of this call whose recon was above LTM_ABOVE_UNIFORM * ln V */
    double uniform;          /* ln V, nats per token */
    int64_t diverged;        /* sequences whose fast loop diverged, over all slow steps and resumes */
};

/* Slow steps of a run, and their tokens: run.tokens, rounded up to a whole batch. */
int64_t ltm_training_steps(const struct ltm_config *config);
int64_t ltm_training_tokens(const struct ltm_config *config);

/* Useful floating-point operations of training per token (a mean, if the window grows): 3 forward passes (ltm_forward_flops) for each draw
 * of the slow step (4 if slow.objective = iwae must weight them first), 2 for each fast step (only with latents), 3 passes
 * of the heads of slow.predict, and the token's share of the products of slow.optimizer = muon. model.vocab must not be auto. */
double ltm_training_flops(const struct ltm_config *config);

ltm_status ltm_train(const struct ltm_config *config, const struct ltm_train_hooks *hooks,
                     struct ltm_train_result *result, struct ltm_error *error);

LTM_C_END
