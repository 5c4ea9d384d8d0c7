/* A layer whose backward pass is checked: the loss is a weighted sum of what its forward pass leaves. */
#ifndef SUPPORT_LAYER_H
#define SUPPORT_LAYER_H

#include "support/gradients.h"

struct layer {
    float *in[5];      /* inputs that forward reads */
    float *out, *w;    /* output and the weights of its scalar */
    size_t count;      /* of the output */
    const void *shape; /* what forward needs besides */
    void (*forward)(struct layer *);
};

static inline double layer_loss(void *user) {
    struct layer *layer = user;
    layer->forward(layer);
    return test_weigh(layer->w, layer->out, layer->count);
}

#endif
