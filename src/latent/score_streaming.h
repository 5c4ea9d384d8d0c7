/* Scores of sequences with streaming latents, with controls that show the contribution of the state:
 *
 *     recon  = Σ -log p(x_c | x_<c, z_c) with z at its mean: exact, the score
 *     drawn  = the same with z drawn: a bound in expectation
 *     frozen = z stays at its start: the same weights, nothing carried. The gain from z is the difference of recon from
 * this
 *     others = z of another sequence, the next of its group; NaN if there is only one sequence
 *     zero   = z is 0
 *
 * and recon and frozen by position in the sequence: in SCORE_PARTS parts, or one per chunk if there are fewer. */
#pragma once

#include "latent/sequence_score.h"
#include "latent/workers.h"
#include "ltm/stream_scores.h"

/* recon of the `count` sequences that a worker has loaded, `length` tokens each. Leaves the last u and λ in its loop,
 * as a posterior. */
void score_streaming(struct worker *w, int count, int length, struct sequence_score *scores);

/* The other scores, with `samples` draws of z by the seed; sequences first … first + count - 1 of the source. */
void score_streaming_controls(struct worker *w, const struct sequence_source *source, int64_t first, int count,
                              int length, int samples, uint64_t seed, struct sequence_score *scores);

/* Of a model with a memory and no latents, behind the score of sequences that a worker has begun: their parts, and frozen with its parts, the
 * memory as a sequence begins with it (model.memory). What is claimed for it is the difference, as above. */
void score_memory(struct worker *w, int count, int length, struct sequence_score *scores);

/* Of all sequences that were scored, in score_parts of model.sequence. */
struct ltm_stream_scores score_streaming_summarise(const struct sequence_score *scores, int64_t count,
                                                   const struct ltm_model_config *model);

/* The number of parts for a sequence of this many tokens. */
int score_parts(const struct ltm_model_config *model, int length);
