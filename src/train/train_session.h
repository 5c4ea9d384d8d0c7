/* A training's session: made by train_session.c, put to work by train.c. */
#pragma once

#include "train/session_state.h"

/* With `config` and `hooks` in it, lock = folder = -1, all else zero; with all processes. A run that its folder holds is gone on with. To be
 * closed after a failure too. */
ltm_status session_open(struct session *s, struct ltm_error *error);
/* s->config.run.dir becomes where the run's folder is now, if it was moved. LTM_IO where it is gone. */
ltm_status session_follow_folder(struct session *s, struct ltm_error *error);
void session_close(struct session *s);
