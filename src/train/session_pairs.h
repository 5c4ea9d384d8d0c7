/* What a training has of pairs in place of a corpus (data.kind = pairs). */
#pragma once

#include "train/session_state.h"

/* Of data.corpus = a file of pairs, whose tokenizer is found: all that is read of it, and what it is known by. */
ltm_status session_open_pairs(struct session *s, struct ltm_error *error);
ltm_status session_name_pairs(struct session *s, struct ltm_error *error);
void session_describe_pairs(const struct session *s);
