/* Training: the two loops (paper, algorithm 1), with held-out scores, checkpoints and a log.
 *
 *     struct ltm_train_hooks hooks = {.on_step = show};
 *     ltm_train(&config, &hooks, &result, &error);
 *
 * Begins a run in config->run.dir, or goes on from its newest whole checkpoint to the same bits that an
 * undisturbed run would have reached, for any number of threads. */
#ifndef LTM_TRAIN_H
#define LTM_TRAIN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/status.h"
#include "ltm/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One slow step (or one held-out scoring), as log.jsonl keeps it. Nats a token throughout. */
struct ltm_train_record {
    int64_t step, steps;    /* steps done, and in all */
    int64_t tokens;         /* training tokens seen */
    double recon, kl, loss; /* means over the batch; loss is what the slow step minimised */
    double bound;           /* recon + kl under noise that the fit has not seen: only where heldout is true */
    double bound_error;     /* its standard error over sequences */
    bool heldout;           /* a held-out scoring, not a training step */
    double lr, grad_norm;
    double seconds;           /* trained for, over all resumes */
    double tokens_per_second; /* of late */
    double utilisation;       /* useful work / measured matrix speed of all threads */
};

struct ltm_train_hooks {
    struct ltm_watch watch; /* messages, and progress of loading and scoring */
    void *user;
    void (*on_step)(void *user, const struct ltm_train_record *record); /* after each slow step and each scoring */
    const volatile sig_atomic_t
        *stop; /* when it becomes nonzero: finish the slow step, checkpoint, return LTM_INTERRUPTED */
};

struct ltm_train_result {
    int64_t step, tokens;
    double best_bound; /* best held-out bound, nats a token */
    int64_t best_step;
    char best[LTM_PATH_MAX]; /* folder of the best checkpoint */
};

/* Floating-point operations of useful work that training takes a token: 3 forward passes (ltm_forward_flops) for each draw
 * of the slow step (4 where slow.objective = iwae must weigh them first) and 2 for each fast step, which there are only with
 * latents. model.vocab must not be auto. */
double ltm_training_flops(const struct ltm_config *config);

ltm_status ltm_train(const struct ltm_config *config, const struct ltm_train_hooks *hooks,
                     struct ltm_train_result *result, struct ltm_error *error);

#ifdef __cplusplus
}
#endif

#endif
