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

/* model.kind = solver: shares of held-out puzzles that are right in all cells, and of cells that are, behind all steps of
 * solver.supervision and where the halting head says so. */
struct ltm_solver_record {
    bool on; /* then recon is nats a cell, and kl half the halting head's loss */
    double exact, exact_error, cells;
    double halted, halted_steps; /* puzzles that are right where they halt; steps taken till then */
    double ema_exact;            /* by the average of the weights, where slow.ema makes one; else NAN */
};

/* One slow step (or one held-out scoring), as log.jsonl keeps it. Nats a token throughout; what is not finite is left out of
 * the log. */
struct ltm_train_record {
    int64_t step, steps; /* steps done, and in total */
    int64_t tokens;      /* training tokens seen */
    double recon, kl,
        loss; /* means over the batch; loss is what the slow step minimised, without the parts of slow.predict and slow.predict_latents */
    double bound;         /* recon + kl under noise that the fit has not seen: only where heldout is true */
    double ema_bound;     /* of the average of the weights, where slow.ema makes one, with dpo its loss; else 0 */
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
    struct ltm_solver_record solver;
    bool heldout;  /* a held-out scoring, not a training step */
    bool predicts; /* slow.predict_latents is above 0 */
    double lr, grad_norm;
    int batch, window;        /* sequences, and tokens a position sees, of a slow step; 0 unless one of them grows */
    int loops;                /* of the core; 0 unless they grow or are sampled */
    double seconds;           /* of slow steps, over all resumes: scoring and checkpoints are not in it */
    double tokens_per_second; /* of late */
    /* Of a slow step that predicts: that loss, and how the teacher's states spread over a sequence, 0 to 1; at 0 it has collapsed
     * (src/train/teacher.h). */
    double predict_loss, teacher_spread;
    double utilisation; /* useful work / measured matrix speed of all threads */
    /* In the log only where there is something to mark: */
    double spike; /* running standard deviations that the loss is above its running mean (of about 100 steps), where
                              that is more than 5 (src/train/loss_spikes.h); else 0 */
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
    bool preferences; /* slow.objective = dpo, whose held-out loss stands in for the bound */
    bool solver;      /* model.kind = solver, where the share of held-out puzzles that is not solved stands in for it */
    double best_bound; /* best held-out bound, nats a token */
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

/* Floating-point operations of useful work that training takes a token, on average where the window grows: 3 forward passes (ltm_forward_flops) for each draw
 * of the slow step (4 where slow.objective = iwae must weigh them first) and 2 for each fast step, which there are only with
 * latents, 3 passes of the heads of slow.predict, with slow.predict_latents a forward pass of the teacher for each draw and 3 of its head, and the token's share of the products of slow.optimizer = muon. model.vocab must not be auto. */
double ltm_training_flops(const struct ltm_config *config);

ltm_status ltm_train(const struct ltm_config *config, const struct ltm_train_hooks *hooks,
                     struct ltm_train_result *result, struct ltm_error *error);

LTM_C_END
