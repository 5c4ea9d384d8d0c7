/* What a training has open: its folder, corpus, model and log. Made by train_session.c, put to work by train.c. */
#pragma once

#include "base/progress.h"
#include "ltm/train.h"
#include "text/pair_source.h"
#include "train/checkpoint.h"
#include "train/on_event.h"
#include "train/run_log.h"
#include "train/trainer.h"

struct session {
    struct ltm_config config;
    const struct ltm_train_hooks *hooks;
    struct token_stream *train, *heldout;     /* heldout: NULL where the corpus has none */
    char tokenizer[LTM_PATH_MAX], digest[20]; /* of the tokenizer to keep with checkpoints; empty = none */
    struct stream_windows train_windows, heldout_windows;
    struct pair_source train_pairs, heldout_pairs; /* in their place with data.kind = pairs */
    const struct sequence_source *scored;          /* held out, of one or the other; NULL where nothing is */
    struct decoder *decoder;
    struct trainer trainer;
    struct run_log log;
    struct checkpoint_state state;
    struct sequence_score *heldout_scores;
    double *reference, *heldout_reference; /* dpo: log p of answers under the weights that the run began with */
    double heldout_bytes;                  /* of text that is scored; 0 where there is no tokenizer to tell */
    double peak;                           /* flop/s */
    double rate;                           /* tokens a second, of late */
    int64_t above_uniform;                 /* slow steps whose loss was */
    struct on_event hook;                  /* run.on_event */
    int folder;                            /* the run's, held open: it may be moved while it trains */
    int lock;                              /* keeps two processes from training in one folder */
};

/* Of data.corpus = a file of pairs, whose tokenizer is found: all that is read of it, and what it is known by. */
ltm_status session_open_pairs(struct session *s, struct ltm_error *error);
ltm_status session_name_pairs(struct session *s, struct ltm_error *error);
void session_describe_pairs(const struct session *s);

/* With slow.objective = dpo: take log p of all answers with the weights as they are at the run's beginning, and keep it in the run's
 * folder, from where a resume reads it. */
ltm_status session_reference(struct session *s, struct ltm_error *error);

/* With `config` and `hooks` in it, lock = folder = -1, all else zero; with all processes. A run that its folder holds is gone on with. To be
 * closed after a failure too. */
ltm_status session_open(struct session *s, struct ltm_error *error);
/* s->config.run.dir becomes where the run's folder is now, if it was moved. LTM_IO where it is gone. */
ltm_status session_follow_folder(struct session *s, struct ltm_error *error);
void session_close(struct session *s);
