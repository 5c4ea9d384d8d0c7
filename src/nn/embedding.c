#include "nn/embedding.h"

#include <stddef.h>
#include <string.h>

#include "math/vector.h"

void embedding_forward(float *x, const float *e, const int32_t *tokens, int rows, int d) {
    for (int i = 0; i < rows; i++)
        memcpy(x + (size_t)i * (size_t)d, e + (size_t)tokens[i] * (size_t)d, sizeof *x * (size_t)d);
}

void embedding_backward(float *de, const float *dx, const int32_t *tokens, int rows, int d) {
    for (int i = 0; i < rows; i++)
        vector_add(de + (size_t)tokens[i] * (size_t)d, dx + (size_t)i * (size_t)d, (size_t)d);
}
