/* Answers that greedy decoding would write: each token is the likeliest one after the correct tokens before it. */
#pragma once

#include "latent/workers.h"

/* After a decoder_score, +=: the answers of the worker's g-th sequence (runs of tokens with weight, each up to the id
 * that ends a document), and those that would be written exactly. */
void answer_match(double *answers, double *matches, const struct worker *w, int g, int length);
