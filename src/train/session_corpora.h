/* The corpora of a training: opened, identified for a resume, and mixed. */
#pragma once

#include "train/session_state.h"

/* Both splits of each, and the tokenizer that they share. */
ltm_status session_open_corpora(struct session *s, struct ltm_error *error);

/* s->state.corpus: the identity of one corpus, or the identities and shares of several. */
ltm_status session_name_corpora(struct session *s, struct ltm_error *error);

/* Makes s->train, and reports the number of passes over each corpus. */
ltm_status session_mix_corpora(struct session *s, struct ltm_error *error);
