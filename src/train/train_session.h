/* A training's session: made by train_session.c, put to work by train.c. */
#pragma once

#include "train/session_state.h"

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
