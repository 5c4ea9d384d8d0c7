/* The states behind single layers, after a decoder_score by a pass that was made without gradients, which keeps them all. */
#pragma once

#include "model/decoder.h"

/* Counted from 1; loop 0: the layer runs once. */
struct layer_place {
    int layer;
    int loop;
};

/* Of all layers that a pass of all loops runs (model_depth of them), from the last to the first. */
void plan_layer_places(const struct plan *plan, struct layer_place *places);

/* Behind the `above`-th of the layers that ran, from the last, 0: (G T, d); NULL before the first. */
const float *decoder_layer_states(const struct decoder_pass *pass, int above);

/* means (G T, d) = the mean of the states behind the last `layers` of them, each divided by its root mean square. */
void decoder_layer_means(const struct decoder_pass *pass, int layers, float *means);
