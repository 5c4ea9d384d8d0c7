/* Scores of each sequence in a table, by which two models' scores of the same text are compared sequence by sequence. */
#pragma once

#include "latent/score.h"

/* CSV, a line a sequence: a checksum of its tokens, what they count, and in nats what the options asked for. The names are those of
 * a study's columns. */
ltm_status score_write(const char *path, const struct sequence_score *scores, const struct sequence_source *source,
                       int length, const struct score_options *options, struct ltm_error *error);
