#include "model/plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "ltm/model.h"
#include "stages/ahead.h"
#include "stages/model_shape.h"

/* Applications and weights are added in one walk over the configuration, which serves for counting too. */

/* An application of the block begun last, with weights of its own. */
static void add(struct plan *plan, const struct stage_kind *kind, int part) {
    const struct application application = {.kind = kind,
                                            .block = plan->table.block_count - 1,
                                            .weight = plan->table.count,
                                            .product = plan->table.product_count,
                                            .part = part};
    kind->declare(&plan->table, &plan->config);
    if (plan->applications) {
        plan->applications[plan->count] = application;
        plan->applications[plan->count].products = plan->table.product_count - application.product;
    }
    plan->count++;
    plan->flops += kind->flops(&plan->config);
}

/* An application of a block that is there already, with the weights at its beginning. */
static void add_again(struct plan *plan, const struct stage_kind *kind, int block) {
    if (plan->applications) {
        const int weight = plan->table.blocks[block].weights;
        plan->applications[plan->count] = (struct application){.kind = kind,
                                                               .block = block,
                                                               .weight = weight,
                                                               .product = plan->table.weights[weight].product,
                                                               .products = 1 + model_heads_ahead(&plan->config),
                                                               .part = -1};
    }
    plan->count++;
    plan->flops += kind->flops(&plan->config);
}

static void build(struct plan *plan) {
    const struct ltm_model_config *c = &plan->config;
    weights_begin_block(&plan->table, "tok_embeddings");
    add(plan, &embedding_stage, -1);
    if (c->output == LTM_OUTPUT_TIED) ahead_declare(&plan->table, c); /* which share the output's gradient */
    for (int l = 0; l < c->layers; l++) {
        char name[24];
        snprintf(name, sizeof name, "layers.%d", l);
        weights_begin_block(&plan->table, name);
        if (c->mix_input) add(plan, &mix_stage, -1);
        add(plan, &self_attention_stage, -1);
        if (model_layer_reads(c, l)) add(plan, &cross_attention_stage, l - c->latent_from);
        add(plan, &feed_forward_stage, -1);
    }
    weights_begin_block(&plan->table, "norm");
    add(plan, &final_norm_stage, -1);
    if (c->output == LTM_OUTPUT_TIED) {
        add_again(plan, &output_stage, 0);
    } else {
        weights_begin_block(&plan->table, "output");
        add(plan, &output_stage, -1);
    }
}

struct plan plan_counted(const struct ltm_model_config *config) {
    struct plan plan = {.config = *config};
    plan.config.kv_heads = model_kv_heads(config);
    build(&plan);
    return plan;
}

ltm_status plan_create(struct plan *plan, const struct ltm_model_config *config, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *plan = plan_counted(config);
    TRY(weight_table_allocate(&plan->table, error));
    TRY(NEW_ARRAY(plan->applications, (size_t)plan->count, "the plan of a model", error));
    plan->count = 0;
    plan->flops = 0;
    build(plan);
    return LTM_OK;
cleanup:
    plan_free(plan);
    return status;
}

void plan_free(struct plan *plan) {
    weight_table_free(&plan->table);
    free(plan->applications);
    *plan = (struct plan){0};
}

int plan_first_reader(const struct plan *plan) {
    int a = 0;
    while (a < plan->count && !plan->applications[a].kind->reads_latents) a++;
    return a;
}

bool plan_leads_kind(const struct plan *plan, int application) {
    for (int a = 0; a < application; a++)
        if (plan->applications[a].kind == plan->applications[application].kind) return false;
    return true;
}

bool plan_begins_block(const struct plan *plan, int application) {
    for (int a = 0; a < application; a++)
        if (plan->applications[a].block == plan->applications[application].block) return false;
    return true;
}

bool plan_ends_block(const struct plan *plan, int application) {
    for (int a = application + 1; a < plan->count; a++)
        if (plan->applications[a].block == plan->applications[application].block) return false;
    return true;
}

bool plan_part_read_later(const struct plan *plan, int application) {
    for (int a = application + 1; a < plan->count; a++)
        if (plan->applications[a].part == plan->applications[application].part) return true;
    return false;
}

int64_t ltm_parameter_count(const struct ltm_model_config *config) { return (int64_t)plan_counted(config).table.size; }

double ltm_forward_flops(const struct ltm_model_config *config) { return plan_counted(config).flops; }

int model_longest_sequence(const struct ltm_model_config *config) {
    enum { ANYWAY = 1 << 26, RATIO = 16, SEQUENCE_MOST = 1 << 20 };
    const int64_t weights = RATIO * (int64_t)sizeof(float) * ltm_parameter_count(config);
    const int64_t tokens = (weights > ANYWAY ? weights : ANYWAY) / ((int64_t)sizeof(float) * config->dim);
    return tokens < SEQUENCE_MOST ? (int)tokens : SEQUENCE_MOST;
}
