/* Held-out scores of several corpora, and their mean: weighted by share of the training tokens, independent of the
 * number of sequences scored. With one corpus it is its score. */
#pragma once

#include "train/session_state.h"

struct score_summary heldout_mean(const struct session *s, const struct sequence_score *scores);

/* The controls of latents that stream. */
struct ltm_stream_scores heldout_stream(const struct session *s, const struct sequence_score *scores);

/* Bits a byte of a mean bound in nats a token; NAN if the bytes are unknown. */
double heldout_bits(const struct session *s, double bound);

/* Of each corpus. Returns their number, 0 if there is only one. */
int heldout_each(struct ltm_corpus_score each[LTM_CORPORA_MOST], const struct session *s,
                 const struct sequence_score *scores);
