/* The open resources of a training: folder, corpora, model and log. */
#pragma once

#include "base/progress.h"
#include "config/corpora.h"
#include "ltm/train.h"
#include "solver/puzzles.h"
#include "text/mixture.h"
#include "text/pair_source.h"
#include "train/checkpoint.h"
#include "train/on_event.h"
#include "train/run_log.h"
#include "train/trainer.h"

/* One of the corpora that are trained on. */
struct session_corpus {
    const char *path;
    double share;                                         /* of the training tokens */
    struct token_stream *train, *heldout;                 /* heldout: NULL where the corpora have none */
    struct stream_windows train_windows, heldout_windows; /* which the session's mixtures read */
    double heldout_bytes;                                 /* of scored text; 0 without a tokenizer */
};

struct session {
    struct ltm_config config;
    const struct ltm_train_hooks *hooks;
    struct corpora corpora;
    struct session_corpus corpus[LTM_CORPORA_MOST]; /* [corpora.count] */
    struct pair_source train_pairs, heldout_pairs;  /* in the corpora's place with data.kind = pairs */
    struct puzzles train_puzzles, heldout_puzzles;  /* likewise with model.kind = solver */
    struct mixture train, heldout;                  /* heldout: of none where they have none */
    char tokenizer[LTM_PATH_MAX], digest[20];       /* of the tokenizer to keep with checkpoints; empty = none */
    struct decoder *decoder;
    struct trainer trainer;
    struct run_log log;
    struct checkpoint_state state;
    struct sequence_score *heldout_scores;
    double *reference, *heldout_reference; /* dpo: log p of answers under the initial weights */
    double peak;                           /* flop/s */
    double rate;                           /* tokens a second, of late */
    int64_t above_uniform;                 /* slow steps whose loss was */
    struct on_event hook;                  /* run.on_event */
    bool gained;                           /* by the last score, of which no checkpoint has told yet */
    int folder;                            /* the run's, held open: it may be moved while it trains */
    int lock;                              /* keeps two processes from training in one folder */
};
