#include "model/decoder.h"

#include <stdlib.h>

#include "base/memory.h"
#include "config/chunks.h"
#include "nn/rope.h"
#include "stages/model_shape.h"

static ltm_status new_products(struct decoder *decoder, struct ltm_error *error) {
    const struct weight_table *table = &decoder->plan.table;
    ltm_status status = NEW_ARRAY(decoder->products, (size_t)table->product_count, "weights", error);
    for (int i = 0; status == LTM_OK && i < table->product_count; i++) {
        const struct weight_product *p = &table->products[i];
        decoder->products[i] = (struct linear){.weight = decoder->weights + p->offset, .out = p->out, .in = p->in};
    }
    return status;
}

ltm_status decoder_create(struct decoder **decoder, const struct ltm_model_config *config, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct decoder *made = NULL;
    *decoder = NULL;
    TRY(NEW_ARRAY(made, 1, "a decoder", error));
    TRY(plan_create(&made->plan, config, error));
    const struct ltm_model_config *c = &made->plan.config;
    const int head_dim = model_head_dim(c);
    const int latents = model_layer_latents(c);
    TRY(NEW_ARRAY(made->weights, made->plan.table.size, "weights", error));
    TRY(new_products(made, error));
    TRY(NEW_ARRAY(made->rope, (size_t)c->sequence * (size_t)head_dim, "positions", error));
    rope_table(made->rope, c->sequence, 1, head_dim);
    if (latents) {
        TRY(NEW_ARRAY(made->latent_rope, (size_t)latents * (size_t)head_dim, "positions", error));
        rope_table(made->latent_rope, latents, c->sequence / c->latents, head_dim);
    }
    *decoder = made;
    return LTM_OK;
cleanup:
    decoder_free(made);
    return status;
}

ltm_status decoder_share(struct decoder **shared, const struct decoder *decoder, int loops, struct ltm_error *error) {
    struct ltm_model_config config = decoder->plan.config;
    ltm_status status = LTM_OK;
    struct decoder *made = NULL;
    *shared = NULL;
    TRY(NEW_ARRAY(made, 1, "a decoder", error));
    *made = *decoder;
    made->shared = true;
    made->in_bf16 = false;
    made->products = NULL;
    made->plan = (struct plan){0};
    if (loops > config.loops || (loops && config.order == LTM_ORDER_AABB)) config.loops = loops;
    TRY(plan_create(&made->plan, &config, error));
    if (loops) plan_run(&made->plan, loops);
    TRY(new_products(made, error));
    *shared = made;
    return LTM_OK;
cleanup:
    decoder_free(made);
    return status;
}

ltm_status decoder_share_over(struct decoder **shared, const struct decoder *decoder, float *weights,
                              struct ltm_error *error) {
    PASS_UP(decoder_share(shared, decoder, 0, error));
    (*shared)->weights = weights;
    for (int i = 0; i < decoder->plan.table.product_count; i++)
        (*shared)->products[i].weight = weights + decoder->plan.table.products[i].offset;
    return LTM_OK;
}

ltm_status decoder_use_bf16(struct decoder *decoder, struct ltm_error *error) {
    for (int i = 0; i < decoder->plan.table.product_count; i++) {
        struct linear *w = &decoder->products[i];
        const ltm_status status = w->packed ? LTM_OK : bf16_weight_create(&w->packed, w->out, w->in, error);
        if (status != LTM_OK) return status;
    }
    decoder->in_bf16 = true;
    return LTM_OK;
}

/* Both orientations of each weight are tasks of their own. */
ltm_status decoder_pack(struct decoder *decoder, int threads, struct ltm_error *error) {
    const int tasks = 2 * decoder->plan.table.product_count;
    ltm_status status = LTM_OK;
    if (!decoder->in_bf16) return LTM_OK;
#pragma omp parallel for num_threads(threads < tasks ? threads : tasks) schedule(dynamic, 1)
    for (int i = 0; i < tasks; i++) {
        const struct linear *w = &decoder->products[i / 2];
        if (bf16_weight_pack(w->packed, i % 2 ? BF16_BACKWARD : BF16_FORWARD, w->weight, NULL) != LTM_OK)
#pragma omp atomic write
            status = LTM_EXTERNAL;
    }
    return status == LTM_OK ? LTM_OK : fail(error, status, "oneDNN could not pack the weights in bf16");
}

size_t decoder_packed_bytes(const struct plan *plan) {
    size_t bytes = 0;
    for (int i = 0; i < plan->table.product_count; i++)
        bytes += bf16_weight_bytes(plan->table.products[i].out, plan->table.products[i].in);
    return bytes;
}

struct stage_weights decoder_stage_weights(const struct decoder *decoder, int application) {
    const struct application *a = &decoder->plan.applications[application];
    const struct weight_table *table = &decoder->plan.table;
    return (struct stage_weights){.rows = table->weights + a->weight,
                                  .values = decoder->weights,
                                  .begin = table->blocks[a->block].begin,
                                  .products = decoder->products + a->product,
                                  .leads = plan_leads_kind(&decoder->plan, application)};
}

void decoder_free(struct decoder *decoder) {
    if (!decoder) return;
    for (int i = 0; decoder->products && i < decoder->plan.table.product_count; i++)
        bf16_weight_free(decoder->products[i].packed);
    free(decoder->products);
    plan_free(&decoder->plan);
    if (!decoder->shared) {
        free(decoder->weights);
        free(decoder->rope);
        free(decoder->latent_rope);
    }
    free(decoder);
}

ltm_status decoder_fail_nonfinite(const struct decoder *decoder, const char *what, const char *advice,
                                  struct ltm_error *error) {
    const int k = weights_find_nonfinite(decoder->weights, &decoder->plan.table);
    if (k < 0) return fail(error, LTM_NUMERIC, "%s; %s", what, advice);
    return fail(error, LTM_NUMERIC,
                "%s: the weight %s itself is not finite; use a checkpoint from before the training diverged", what,
                decoder->plan.table.weights[k].name);
}

ltm_status decoder_leave_early(struct decoder *decoder, struct ltm_exit_config exit, struct ltm_error *error) {
    if (exit.kind != LTM_EXIT_FIXED && model_streams(&decoder->plan.config))
        return fail(
            error, LTM_UNSUPPORTED,
            "latent.kind = streaming reads chunks, from which no position leaves the loops early; use eval.exit "
            "= fixed");
    if (exit.kind != LTM_EXIT_FIXED && decoder->plan.config.memory != LTM_MEMORY_NONE)
        return fail(error, LTM_UNSUPPORTED,
                    "model.memory is written by all positions of a chunk, so that none leaves the loops early; use "
                    "eval.exit = fixed");
    if (exit.kind != LTM_EXIT_FIXED && decoder->plan.config.order == LTM_ORDER_AABB && decoder->plan.config.loops > 1)
        return fail(error, LTM_UNSUPPORTED,
                    "model.order = AABB has no whole loops that a position could leave; use eval.exit = fixed");
    decoder->plan.exit = exit;
    return LTM_OK;
}

ltm_status decoder_expect_fitted(const struct decoder *decoder, const char *what, struct ltm_error *error) {
    if (!model_streams(&decoder->plan.config)) return LTM_OK;
    return fail(error, LTM_UNSUPPORTED,
                "%s needs a posterior of z, but this model has latent.kind = streaming; use a model "
                "whose latents are fitted",
                what);
}
