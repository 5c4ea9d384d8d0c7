/* The controls beside the score of a model with streaming latents, as text. */
#pragma once

#include "ltm/config.h"
#include "ltm/stream_scores.h"

/* When z moves, and at what rate; or that it never does. */
const char *stream_print_moves(char text[80], const struct ltm_model_config *config);

/* "z carries 0.0123 ± 0.0004; z frozen 3.1234, from another sequence …, 0 …, drawn …", in nats per token. */
const char *stream_print_controls(char text[200], const struct ltm_stream_scores *scores);

/* A line with what z carries, and a table by part of the sequence. */
void stream_print_parts(const struct ltm_stream_scores *scores);
