#include "model/stream_weights.h"

#include <stdlib.h>

#include "base/memory.h"

/* One matrix; its copy, where there is one, begins `at` entries behind the block's start. */
static struct row_weight take(const struct stream_weights *w, const struct linear *from, size_t at, int threads) {
    struct row_weight made = {.full = from->weight, .out = from->out, .in = from->in, .ld = from->in};
    if (w->halves) {
        bf16 *half = w->halves + at;
        made.half = half;
#pragma omp parallel for num_threads(threads)
        for (int i = 0; i < from->out; i++) {
            const size_t row = (size_t)i * (size_t)from->in;
            bf16_round(half + row, from->weight + row, (size_t)from->in);
        }
    }
    return made;
}

ltm_status stream_weights_create(struct stream_weights **weights, const struct decoder *decoder, bool in_half,
                                 int threads, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const struct weight_table *table = &decoder->plan.table;
    struct stream_weights *made = NULL;
    size_t used = 0;
    *weights = NULL;
    TRY(NEW_ARRAY(made, 1, "generation", error));
    made->decoder = decoder;
    TRY(NEW_ARRAY(made->products, (size_t)table->product_count, "generation", error));
    if (in_half) TRY(NEW_ARRAY(made->halves, table->size, "weights in bf16", error));
    for (int i = 0; i < table->product_count; i++) {
        made->products[i] = take(made, &decoder->products[i], used, threads);
        used += (size_t)table->products[i].out * (size_t)table->products[i].in;
    }
    made->bytes = used * (in_half ? sizeof(bf16) : sizeof(float));
    *weights = made;
    return LTM_OK;
cleanup:
    stream_weights_free(made);
    return status;
}

void stream_weights_free(struct stream_weights *weights) {
    if (!weights) return;
    free(weights->products);
    free(weights->halves);
    free(weights);
}

int stream_team(const struct stream_weights *weights, int threads) {
    const size_t worth_sharing = (size_t)4 << 20;
    return weights->bytes > worth_sharing ? threads : 1;
}
