/* A training session: opened by train_session.c, run by train.c. */
#pragma once

#include "train/session_state.h"

/* With `config` and `hooks` in it, lock = folder = -1, all else zero; with all processes. Resumes a run that is in the
 * folder. Must be closed after a failure too. */
ltm_status session_open(struct session *s, struct ltm_error *error);
/* s->config.run.dir becomes the new path of the run's folder, if it was moved. LTM_IO if it was removed. */
ltm_status session_follow_folder(struct session *s, struct ltm_error *error);
void session_close(struct session *s);
