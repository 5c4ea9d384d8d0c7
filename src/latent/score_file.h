/* A table of scores by sequence, for comparing two models on the same text sequence by sequence. */
#pragma once

#include "latent/score.h"

/* CSV, one line per sequence: a checksum of its tokens, their weight, and the requested scores in nats. The names are
 * those of a study's columns. */
ltm_status score_write(const char *path, const struct sequence_score *scores, const struct sequence_source *source,
                       int length, const struct score_options *options, struct ltm_error *error);
