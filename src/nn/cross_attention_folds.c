/* Which form cross-attention takes, in a file of its own so that a test can replace it. */
#include "nn/cross_attention.h"

bool cross_attention_folds(const struct cross_shape *shape) {
    const size_t M = (size_t)shape->latents;
    const size_t H = (size_t)shape->heads;
    const size_t width = H * (size_t)shape->head_dim;
    return 6 * M * H * (size_t)shape->dim <= 6 * M * width + 4 * width * (size_t)shape->dim;
}
