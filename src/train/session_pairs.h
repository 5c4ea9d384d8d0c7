/* The pairs that a training uses instead of a corpus (data.kind = pairs). */
#pragma once

#include "train/session_state.h"

/* Of data.corpus = a file of pairs, once its tokenizer is known: reads it and records its identity. */
ltm_status session_open_pairs(struct session *s, struct ltm_error *error);
ltm_status session_name_pairs(struct session *s, struct ltm_error *error);
void session_describe_pairs(const struct session *s);
