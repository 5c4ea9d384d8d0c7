/* Scores of sequences whose latents stream, with the controls that say what of them the state has earned:
 *
 *     recon  = Σ -log p(x_c | x_<c, z_c) with z at its mean: exact, the score
 *     drawn  = the same with z drawn: on average a bound
 *     frozen = z stays at its start: the same weights, nothing carried. What is claimed for z is recon's difference to this
 *     others = z of another sequence, the next of its group; the only sequence there is has none: NaN
 *     zero   = z is 0
 *
 * and recon and frozen by place in the sequence: in SCORE_PARTS parts, or one a chunk where there are fewer. */
#pragma once

#include "latent/sequence_score.h"
#include "latent/workers.h"
#include "ltm/stream_scores.h"

/* recon of the `count` sequences that a worker has begun, `length` tokens each. Leaves the last u and λ in its loop, as a posterior. */
void score_streaming(struct worker *w, int count, int length, struct sequence_score *scores);

/* What is beside it, with so many draws of a seed; sequences first … first + count - 1 of the source. */
void score_streaming_controls(struct worker *w, const struct sequence_source *source, int64_t first, int count,
                              int length, int samples, uint64_t seed, struct sequence_score *scores);

/* Of a model with a memory and no latents, behind the score of sequences that a worker has begun: their parts, and frozen with its parts, the
 * memory as a sequence begins with it (model.memory). What is claimed for it is the difference, as above. */
void score_memory(struct worker *w, int count, int length, struct sequence_score *scores);

/* Of all sequences that were scored, in so many parts (score_parts). */
struct ltm_stream_scores score_streaming_summarise(const struct sequence_score *scores, int64_t count, int parts);

/* How many parts a sequence of so many tokens is told in. */
int score_parts(const struct ltm_model_config *model, int length);
