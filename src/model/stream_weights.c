#include "model/stream_weights.h"

#include <stdlib.h>

#include "base/memory.h"

/* The matrices in the order in which a token meets them; their number. */
static int list_products(const struct stream_weights *w, int l, const struct linear *from[5],
                         struct row_weight *to[5]) {
    const struct layer_products *p = &w->decoder->products[l];
    struct stream_layer_weights *layer = &w->layers[l];
    const struct linear *all[] = {&p->wqkv, &p->wo, &p->w13, &p->w2, &p->cross_wq};
    struct row_weight *targets[] = {&layer->wqkv, &layer->wo, &layer->w13, &layer->w2, &layer->cross_wq};
    const int count = model_layer_reads(&w->decoder->config, l) ? 5 : 4;
    for (int i = 0; i < count; i++) {
        from[i] = all[i];
        to[i] = targets[i];
    }
    return count;
}

/* One matrix; its copy, where there is one, begins `*used` entries behind the block's start. */
static void take(struct stream_weights *w, struct row_weight *to, const struct linear *from, size_t *used,
                 int threads) {
    const size_t n = (size_t)from->out * (size_t)from->in;
    *to = (struct row_weight){.full = from->weight, .out = from->out, .in = from->in, .ld = from->in};
    if (w->halves) {
        bf16 *half = w->halves + *used;
        to->half = half;
#pragma omp parallel for num_threads(threads)
        for (int i = 0; i < from->out; i++) {
            const size_t row = (size_t)i * (size_t)from->in;
            bf16_round(half + row, from->weight + row, (size_t)from->in);
        }
    }
    *used += n;
}

ltm_status stream_weights_create(struct stream_weights **weights, const struct decoder *decoder, bool in_half,
                                 int threads, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct stream_weights *made = NULL;
    size_t used = 0;
    *weights = NULL;
    TRY(NEW_ARRAY(made, 1, "generation", error));
    made->decoder = decoder;
    TRY(NEW_ARRAY(made->layers, (size_t)decoder->config.layers, "generation", error));
    if (in_half) TRY(NEW_ARRAY(made->halves, decoder->table.size, "weights in bf16", error));
    for (int l = 0; l < decoder->config.layers; l++) {
        const struct linear *from[5];
        struct row_weight *to[5];
        const int count = list_products(made, l, from, to);
        for (int i = 0; i < count; i++) take(made, to[i], from[i], &used, threads);
    }
    take(made, &made->output, &decoder->output, &used, threads);
    made->bytes = used * (in_half ? sizeof(bf16) : sizeof(float));
    *weights = made;
    return LTM_OK;
cleanup:
    stream_weights_free(made);
    return status;
}

void stream_weights_free(struct stream_weights *weights) {
    if (!weights) return;
    free(weights->layers);
    free(weights->halves);
    free(weights);
}

int stream_team(const struct stream_weights *weights, int threads) {
    const size_t worth_sharing = (size_t)4 << 20;
    return weights->bytes > worth_sharing ? threads : 1;
}
