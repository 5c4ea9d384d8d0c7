#include "model/decoder.h"

#include <stdlib.h>

#include "base/memory.h"
#include "nn/rope.h"

static struct linear product(const struct decoder *decoder, size_t offset, int out, int in) {
    return (struct linear){decoder->weights + offset, out, in, NULL};
}

static ltm_status new_products(struct decoder *decoder, struct ltm_error *error) {
    const struct ltm_model_config *c = &decoder->config;
    const int d = c->dim;
    const int F = model_ffn_width(c);
    const int qkv = d + 2 * c->kv_heads * (d / c->heads);
    ltm_status status = NEW_ARRAY(decoder->products, (size_t)c->layers, "weights", error);
    if (status != LTM_OK) return status;
    for (int l = 0; l < c->layers; l++) {
        const struct layer_offsets *at = &decoder->table.layers[l];
        decoder->products[l] = (struct layer_products){.wqkv = product(decoder, at->wqkv, qkv, d),
                                                       .wo = product(decoder, at->wo, d, d),
                                                       .w13 = product(decoder, at->w13, 2 * F, d),
                                                       .w2 = product(decoder, at->w2, d, F)};
        if (model_layer_reads(c, l)) decoder->products[l].cross_wq = product(decoder, at->cross_wq, d, d);
    }
    decoder->output = product(decoder, decoder->table.embedding, c->vocab, d);
    return LTM_OK;
}

ltm_status decoder_create(struct decoder **decoder, const struct ltm_model_config *config, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct decoder *made = NULL;
    *decoder = NULL;
    TRY(NEW_ARRAY(made, 1, "a decoder", error));
    made->config = *config;
    struct ltm_model_config *c = &made->config;
    if (c->kv_heads == LTM_AUTO) c->kv_heads = c->heads;
    const int head_dim = c->dim / c->heads;
    TRY(weight_table_create(&made->table, c, error));
    TRY(NEW_ARRAY(made->weights, made->table.size, "weights", error));
    TRY(new_products(made, error));
    TRY(NEW_ARRAY(made->rope, (size_t)c->sequence * (size_t)head_dim, "positions", error));
    rope_table(made->rope, c->sequence, 1, head_dim);
    if (c->latents) {
        const int count = model_layer_latents(c);
        TRY(NEW_ARRAY(made->latent_rope, (size_t)count * (size_t)head_dim, "positions", error));
        rope_table(made->latent_rope, count, c->sequence / c->latents, head_dim);
    }
    *decoder = made;
    return LTM_OK;
cleanup:
    decoder_free(made);
    return status;
}

ltm_status decoder_share(struct decoder **shared, const struct decoder *decoder, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct decoder *made = NULL;
    *shared = NULL;
    TRY(NEW_ARRAY(made, 1, "a decoder", error));
    *made = *decoder;
    made->shared = true;
    made->products = NULL;
    TRY(new_products(made, error));
    *shared = made;
    return LTM_OK;
cleanup:
    free(made);
    return status;
}

static int product_count(const struct decoder *decoder) { return 1 + 5 * decoder->config.layers; }

/* The i-th of all products, the output layer's first; NULL where a model has no such layer. */
static struct linear *product_at(const struct decoder *decoder, int i) {
    if (i == 0) return (struct linear *)&decoder->output;
    struct layer_products *p = &decoder->products[(i - 1) / 5];
    struct linear *const all[] = {&p->w13, &p->w2, &p->wqkv, &p->wo, &p->cross_wq};
    return all[(i - 1) % 5]->weight ? all[(i - 1) % 5] : NULL;
}

ltm_status decoder_use_bf16(struct decoder *decoder, struct ltm_error *error) {
    for (int i = 0; i < product_count(decoder); i++) {
        struct linear *w = product_at(decoder, i);
        if (!w || w->packed) continue;
        ltm_status status = bf16_weight_create(&w->packed, w->out, w->in, error);
        if (status != LTM_OK) return status;
    }
    return LTM_OK;
}

/* Both orientations of each weight are tasks of their own, the output layer's first: they are the longest. */
ltm_status decoder_pack(struct decoder *decoder, int threads, struct ltm_error *error) {
    const int tasks = 2 * product_count(decoder);
    ltm_status status = LTM_OK;
    if (!decoder->output.packed) return LTM_OK;
#pragma omp parallel for num_threads(threads < tasks ? threads : tasks) schedule(dynamic, 1)
    for (int i = 0; i < tasks; i++) {
        const struct linear *w = product_at(decoder, i / 2);
        if (w && bf16_weight_pack(w->packed, i % 2 ? BF16_BACKWARD : BF16_FORWARD, w->weight, NULL) != LTM_OK)
#pragma omp atomic write
            status = LTM_EXTERNAL;
    }
    return status == LTM_OK ? LTM_OK : fail(error, status, "oneDNN could not pack the weights in bf16");
}

size_t decoder_packed_bytes(const struct decoder *decoder) {
    size_t bytes = 0;
    if (!decoder->output.packed) return 0; /* also for one that is only a shape */
    for (int i = 0; i < product_count(decoder); i++) {
        const struct linear *w = product_at(decoder, i);
        if (w && w->packed) bytes += bf16_weight_bytes(w->out, w->in);
    }
    return bytes;
}

void decoder_free(struct decoder *decoder) {
    if (!decoder) return;
    for (int i = 0; decoder->products && i < product_count(decoder); i++) {
        const struct linear *w = product_at(decoder, i);
        if (w) bf16_weight_free(w->packed);
    }
    free(decoder->products);
    if (!decoder->shared) {
        weight_table_free(&decoder->table);
        free(decoder->weights);
        free(decoder->rope);
        free(decoder->latent_rope);
    }
    free(decoder);
}

ltm_status decoder_fail_nonfinite(const struct decoder *decoder, const char *what, const char *advice,
                                  struct ltm_error *error) {
    const int k = weights_find_nonfinite(decoder->weights, &decoder->table);
    if (k < 0) return fail(error, LTM_NUMERIC, "%s; %s", what, advice);
    return fail(error, LTM_NUMERIC,
                "%s: the weight %s itself is not finite; use a checkpoint from before the training diverged", what,
                decoder->table.weights[k].name);
}
