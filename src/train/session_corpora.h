/* The corpora of a training: opened, known again by a resume, and mixed. */
#pragma once

#include "train/session_state.h"

/* Both splits of each, and the tokenizer that they share. */
ltm_status session_open_corpora(struct session *s, struct ltm_error *error);

/* s->state.corpus: one by what it is known by, several by that of each and their shares. */
ltm_status session_name_corpora(struct session *s, struct ltm_error *error);

/* s->train, and how often each is gone through, told. */
ltm_status session_mix_corpora(struct session *s, struct ltm_error *error);
