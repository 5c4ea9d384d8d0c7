/* The decoder's weights for generation, which reads all of them once per token, so their bytes decide its speed. Shared
 * by the streams of all threads. */
#pragma once

#include "math/row_products.h"
#include "model/decoder.h"

struct stream_weights {
    const struct decoder *decoder;
    struct row_weight *products; /* [plan.table.product_count] */
    bf16 *halves;                /* the array that all of them point into, or NULL: then the decoder's */
    size_t bytes;                /* read for a token */
};

/* Of a decoder that must outlive them: its own in fp32, or with `in_half` a copy rounded to bf16 (on any processor: sums are
 * in fp32). Made by `threads` threads. */
ltm_status stream_weights_create(struct stream_weights **weights, const struct decoder *decoder, bool in_half,
                                 int threads, struct ltm_error *error);
void stream_weights_free(struct stream_weights *weights);

/* How many of `threads` should share the steps of a single sequence: one if the weights are so few that a product
 * ends before a second thread wakes. */
int stream_team(const struct stream_weights *weights, int threads);
