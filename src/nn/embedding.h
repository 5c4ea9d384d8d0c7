/* Token embedding: a row of E (V, d) for each token. */
#pragma once

#include <stdint.h>

void embedding_forward(float *x, const float *e, const int32_t *tokens, int rows, int d);    /* x (rows, d) = */
void embedding_backward(float *de, const float *dx, const int32_t *tokens, int rows, int d); /* de (V, d) += */
