/* What greedy decoding would write for answers: each token of an answer the likeliest one behind the right ones before it. */
#pragma once

#include "latent/workers.h"

/* Behind a decoder_score, +=: the answers of the worker's g-th sequence, runs of tokens that count, each up to the id that ends a
 * document, and those that would be written to the letter. */
void answer_match(double *answers, double *matches, const struct worker *w, int g, int length);
