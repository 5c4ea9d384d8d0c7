/* Sweeps: a study is a base configuration, axes of values, and a budget; a cell is one of its runs.
 *
 *     struct ltm_study *study = NULL;
 *     ltm_study_open(&study, "runs/width.ini", NULL, 0, &error);
 *     ltm_sweep(study, &(struct ltm_sweep_options){.command = command}, NULL, &result, &error);   → runs/width/results.csv
 *     ltm_study_close(study);
 *
 * A study's file is INI, with sections study (its base, seeds, folder), budget, axes (the cells are all combinations of their values),
 * variants (named settings, which are one more axis) and scores; ltm sweep --help shows every key. [budget] makes cells for each value of either of tokens and flops; without it they have the
 * base's run.tokens. Ranges are a..b (by 1), a..b+s and a..b*s; linked keys are written model.dim/model.heads = 64/2 128/4, and keys
 * traded against each other model.loops/fast.steps = 1/8 2/4 4/2.
 *
 * Paths other than `base` mean the same as in configurations. Cells that are the same run are made once: without latents no
 * key of [fast] matters, and such a cell has no value for them.
 *
 * The study's folder. Everything in it is replaced atomically, so that a kill or a power loss at any point loses nothing:
 *
 *     study.ini base.ini           the study's definition; a call that contradicts it is refused (values may be added to axes)
 *     cells/NAME/                  the run of a cell: config.ini, log.jsonl, checkpoints/ (ltm/train.h), and result.json once
 *                                  it is finished, or error.txt; scores.csv (scores-CORPUS.csv of [scores] corpus.*):
 *                                  the scores of each sequence, for paired differences (sequences.csv has those of training)
 *     results.csv                  one row per cell, in the order of the study; bit-identical however often the work was
 *                                  interrupted and for any number of processes
 *     timings.csv                  cell,training_seconds,scoring_seconds,threads,host: the figures that are not reproducible
 *
 * Columns of results.csv (RFC 4180, lines end with LF; missing figures are empty fields):
 *
 *     cell                         its name, and its folder's in cells/
 *     status                       done, failed, or waiting (also while running)
 *     seed
 *     study.variant                the name in [variants], if there are any
 *     KEY …                        one column for each key of [axes], named as in configurations: model.dim, latent.count
 *     budget_tokens, budget_flops  the budget; one of them
 *     tokens                       trained on, in whole slow steps
 *     parameters                   weights, a tied embedding counted once
 *     parameters_without_embeddings  (without a separate output matrix, too)
 *     parameters_recurrent         those of them that loops run again; 0 if model.loops is 1
 *     latent_numbers               N_z · d of a sequence
 *     forward_flops                F, of one token (ltm_forward_flops)
 *     training_flops_per_token     (2 T_fast + 3) F; 3 F without latents; in full: ltm_training_flops
 *     training_flops               that · tokens; held-out scores not counted
 *     step, scored_tokens          of the scored checkpoint
 *     recon, kl, bound, iwae, prior, continuation, continuation_prior, fitted_noise
 *                                  of ltm_eval on the cell's own corpus, nats per token; each followed by NAME_stderr
 *     drawn, frozen, others, zero  controls of a state that streams (ltm/eval.h), each followed by NAME_stderr
 *     bits_per_byte                of the bound; bits_per_byte_stderr
 *     headroom_tokens, headroom_compute  for a plain decoder with a window, if its twin with full attention is in the study: its
 *                                  bound less the twin's, at equal tokens and at equal compute; each followed by its _stderr
 *     CORPUS:recon …               the same for the corpora of [scores]
 *     TASK:METRIC …                of few-shot tasks, TASK:METRIC:FILTER if the answer was extracted from text, and
 *                                  TASK_5shot:METRIC if fewshot.shots lists several; each followed by its _stderr
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/status.h"
#include "ltm/train.h"
#include "ltm/watch.h"

LTM_C_BEGIN

struct ltm_study;

/* Read a study and lay out its cells; nothing is written. `settings` are `count` texts "section.key=value" that override the
 * file: study.*, budget.*, axes.*, scores.*, or any key of the base configuration. LTM_INVALID with the file and line, the
 * nearest known key, or the cell whose configuration is invalid; LTM_IO. */
ltm_status ltm_study_open(struct ltm_study **study, const char *path, const char *const *settings, size_t count,
                          struct ltm_error *error);
void ltm_study_close(struct ltm_study *study); /* NULL is fine */

const char *ltm_study_dir(const struct ltm_study *study);
size_t ltm_study_cells(const struct ltm_study *study);

enum ltm_cell_status { LTM_CELL_WAITING, LTM_CELL_DONE, LTM_CELL_FAILED };

/* A cell, as laid out by the study, and its state according to its folder. */
struct ltm_cell {
    const char *name; /* owned by the study */
    struct ltm_config config;
    int64_t tokens; /* that it trains on */
    int64_t parameters, parameters_without_embeddings, parameters_recurrent;
    double forward_flops, training_flops; /* a token; in all */
    double scoring_flops; /* approximate: held-out scores during training and at the end, without few-shot tasks */
    size_t rank;          /* 0 for the cell with the most work; shard i of n has those with rank % n = i - 1 */
    enum ltm_cell_status status;
    const char *failure; /* one sentence, owned by the study; empty unless it failed */
};

/* Cell `index` of the study, 0 … ltm_study_cells - 1. */
void ltm_study_cell(const struct ltm_study *study, size_t index, struct ltm_cell *cell);

/* Exit code of a cell's process if another process has claimed the cell. */
enum { LTM_CELL_BUSY_EXIT = 75 };

struct ltm_cell_hooks {
    struct ltm_train_hooks train; /* stop ends training with a checkpoint, and LTM_INTERRUPTED */
    void (*on_scoring)(
        void *user); /* train.user: training is done and scoring begins; to stop from now on, end the process */
};

/* Train and score one cell of a study that ltm_sweep has begun, in this process; an earlier attempt may have been interrupted at any
 * point. *busy is true if it failed because another process holds the claim; cells/NAME/error.txt keeps the cell's own failures. */
ltm_status ltm_study_run_cell(const struct ltm_study *study, const char *name, const struct ltm_cell_hooks *hooks,
                              bool *busy, struct ltm_error *error);

struct ltm_sweep_options {
    /* The program and first arguments of a cell's process (NULL at the end); "--cell" and its name follow. It calls
     * ltm_study_run_cell on DIR/study.ini and exits with 0, 1, 130 when interrupted by SIGTERM, or LTM_CELL_BUSY_EXIT. Its
     * standard input ends when the process that calls ltm_sweep does: it should then stop too. Its output goes to
     * cells/NAME/output.txt. */
    const char *const *command;
    int shard, shards; /* the part of the study, 1 … shards, and the number of parts of equal work; 0 = all of it */
    int jobs;          /* cells at once; 0 = as the study says */
};

/* A running cell. */
struct ltm_sweep_running {
    const char *name;
    bool scoring;        /* trained; its scores are being taken */
    int64_t step, steps; /* slow steps done, and in total */
    bool solver;         /* then kl is the halting loss, and tokens are cells */
    double recon, kl;    /* of the last slow step, nats per token */
    double bound; /* of the last held-out scoring, or a solver's share of whole puzzles; NaN before there is one */
    double tokens_per_second;
};

struct ltm_sweep_progress {
    size_t cells, done, failed, elsewhere; /* of this shard; elsewhere: another process works on them */
    const struct ltm_sweep_running *running;
    size_t running_count;
    double flops, flops_done; /* of this shard's cells, training and scores: in total, and done */
    double seconds_left;      /* at the speed so far; NaN while unknown */
    bool stopping;            /* waiting for checkpoints */
};

struct ltm_sweep_hooks {
    struct ltm_watch watch; /* messages: a cell begins, is done, failed */
    void *user;
    void (*on_progress)(void *user, const struct ltm_sweep_progress *progress); /* several times a second */
    const volatile sig_atomic_t *stop; /* nonzero: every cell writes a checkpoint; then LTM_INTERRUPTED */
};

struct ltm_sweep_result {
    size_t cells, done, failed; /* of this shard */
    char results[LTM_PATH_MAX]; /* results.csv */
};

/* Run the rest of the study. Finished cells are not repeated, interrupted ones resume bit-exactly, cells that failed in an
 * earlier call are tried again. LTM_OK even if cells failed: result->failed counts them, ltm_study_cell says why.
 * LTM_MISMATCH if the study's folder has another study.
 *
 * Each cell runs in its own process, so that a crash or lack of memory affects no other cell, and so that no thread of this
 * process interferes: the program is executed anew, not forked.
 *
 * Any number of processes may work on one study, on one machine or on several that share its folder. A cell is claimed by
 * flock on cells/NAME/.claim, which ends with the process that holds it. The file system must support such locks between the
 * machines: local ones and NFS do, Lustre does if mounted with `flock`. */
ltm_status ltm_sweep(struct ltm_study *study, const struct ltm_sweep_options *options,
                     const struct ltm_sweep_hooks *hooks, struct ltm_sweep_result *result, struct ltm_error *error);

/* Whether a cell belongs to the options' shard. */
bool ltm_cell_in_shard(const struct ltm_cell *cell, const struct ltm_sweep_options *options);

/* The remaining work of a study, or of one shard. */
struct ltm_study_estimate {
    size_t cells, done, left;             /* failed cells count as left */
    double training_flops, scoring_flops; /* of the cells left */
    int jobs, threads;                    /* cells at once, threads of each */
    double seconds;                       /* approximate; NaN if the machine's speed cannot be measured */
    bool from_finished; /* at the speed of finished cells; else at a third of this machine's matrix speed,
                                           which takes a fifth of a second to measure */
};

/* Cost and approximate time; nothing is written. options as for ltm_sweep. */
void ltm_study_estimate(const struct ltm_study *study, const struct ltm_sweep_options *options,
                        struct ltm_study_estimate *estimate);

LTM_C_END
