#include "model/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ltm/model.h"
#include "stages/ahead.h"
#include "stages/latent_prediction.h"
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

/* Applications from … to - 1 once more. */
static void repeat(struct plan *plan, int from, int to, double flops) {
    const size_t count = (size_t)(to - from);
    if (plan->applications)
        memcpy(plan->applications + plan->count, plan->applications + from, count * sizeof *plan->applications);
    plan->count += to - from;
    plan->flops += flops;
}

/* The output layer on the embedding's block. */
static void add_tied_output(struct plan *plan) {
    if (plan->applications) {
        struct application output = plan->applications[0];
        output.kind = &output_stage;
        output.products = 1 + model_heads_ahead(&plan->config) + (model_predicts_latents(&plan->config) ? 1 : 0);
        plan->applications[plan->count] = output;
    }
    plan->count++;
    plan->flops += output_stage.flops(&plan->config);
}

static void add_layer(struct plan *plan, int l) {
    const struct ltm_model_config *c = &plan->config;
    char name[24];
    snprintf(name, sizeof name, "layers.%d", l);
    weights_begin_block(&plan->table, name);
    if (c->mix_input) add(plan, &mix_stage, -1);
    const bool reads = model_layer_reads(c, l);
    const bool keys = reads && c->latent_read == LTM_READ_KEYS;
    add(plan, keys ? &latent_attention_stage : &self_attention_stage, keys ? l - c->latent_from : -1);
    if (c->memory == LTM_MEMORY_NEURAL) add(plan, &neural_memory_stage, -1);
    if (c->memory == LTM_MEMORY_RECURRENT) add(plan, &recurrent_memory_stage, -1);
    if (reads && !keys) add(plan, &cross_attention_stage, l - c->latent_from);
    add(plan, &feed_forward_stage, -1);
}

static void add_layers(struct plan *plan, int from, int to) {
    for (int l = from; l < to; l++) add_layer(plan, l);
}

/* Each layer of the core again at once. */
static void add_core_by_layers(struct plan *plan) {
    const struct ltm_model_config *c = &plan->config;
    const size_t weights = plan->table.size;
    for (int l = c->prelude; l < c->layers - c->coda; l++) {
        const int from = plan->count;
        const double before = plan->flops;
        add_layer(plan, l);
        const int to = plan->count;
        const double flops = plan->flops - before;
        for (int i = 1; i < model_loops(c); i++) repeat(plan, from, to, flops);
    }
    if (model_loops(c) > 1) plan->recurrent = plan->table.size - weights;
}

/* What begins loop i, from 1: weights of its own, or those of loop 1, whose injection is `first`. */
static void add_injection(struct plan *plan, int i, int first) {
    static const struct stage_kind *const kinds[] = {[LTM_INJECT_ADD] = &loop_add_stage,
                                                     [LTM_INJECT_CONCAT] = &loop_concat_stage,
                                                     [LTM_INJECT_DIAGONAL] = &loop_diagonal_stage};
    const struct ltm_model_config *c = &plan->config;
    const bool own = c->loop_gains == LTM_LOOP_GAINS_OWN;
    char name[24] = "loop";
    if (own) snprintf(name, sizeof name, "loops.%d", i);
    if (own || i == 1) {
        weights_begin_block(&plan->table, name);
        add(plan, kinds[c->inject], -1);
    } else {
        repeat(plan, first, first + 1, kinds[c->inject]->flops(c));
    }
}

/* The whole core again and again. */
static void add_core(struct plan *plan) {
    const struct ltm_model_config *c = &plan->config;
    struct plan_core *core = &plan->core;
    const double before = plan->flops;
    core->loops = core->run = model_loops(c);
    core->injects = core->loops > 1 && c->inject != LTM_INJECT_NONE;
    core->begin = plan->count;
    core->block_begin = plan->table.block_count;
    const size_t weights = plan->table.size;
    add_layers(plan, c->prelude, c->layers - c->coda);
    if (core->loops > 1) plan->recurrent = plan->table.size - weights;
    const int end = plan->count;
    const double flops = plan->flops - before;
    for (int i = 1; i < core->loops; i++) {
        if (core->injects) add_injection(plan, i, end);
        repeat(plan, core->begin, end, flops);
    }
    core->end = plan->count;
    core->block_end = plan->table.block_count;
}

/* A solver's last cycle: its network f once a step, and the heads. `flops` counts the cycles before too. */
static void build_solver(struct plan *plan) {
    const struct ltm_model_config *c = &plan->config;
    char name[24];
    weights_begin_block(&plan->table, "tok_embeddings");
    add(plan, &solver_embedding_stage, -1);
    if (c->latents) add(plan, &solver_latents_stage, -1);
    plan->core = (struct plan_core){.loops = 1, .run = 1, .begin = plan->count};
    const size_t weights = plan->table.size;
    const double before = plan->flops;
    for (int l = 0; l < c->layers; l++) {
        snprintf(name, sizeof name, "layers.%d", l);
        weights_begin_block(&plan->table, name);
        add(plan, c->mix == LTM_SOLVER_MLP ? &solver_mixing_stage : &solver_attention_stage, -1);
        add(plan, &solver_feed_forward_stage, -1);
    }
    const int end = plan->count;
    const double flops = plan->flops - before;
    if (c->inner > 0 || c->cycles > 1) plan->recurrent = plan->table.size - weights;
    for (int i = 0; i < c->inner; i++) repeat(plan, plan->core.begin, end, flops);
    plan->core.end = plan->count;
    plan->flops += flops * (c->inner + 1) * (c->cycles - 1);
    weights_begin_block(&plan->table, "output");
    add(plan, &solver_head_stage, -1);
}

static void build(struct plan *plan) {
    const struct ltm_model_config *c = &plan->config;
    if (c->kind == LTM_MODEL_SOLVER) {
        build_solver(plan);
        return;
    }
    weights_begin_block(&plan->table, "tok_embeddings");
    add(plan, &embedding_stage, -1);
    if (c->output == LTM_OUTPUT_TIED) { /* heads that share the output's gradient */
        ahead_declare(&plan->table, c);
        latent_prediction_declare(&plan->table, c);
    }
    if (model_encodes(c)) {
        weights_begin_block(&plan->table, "encoder");
        add(plan, &encoder_stage, -1);
    }
    add_layers(plan, 0, c->prelude);
    plan->core = (struct plan_core){.loops = 1, .run = 1, .begin = plan->count, .end = plan->count};
    if (c->order == LTM_ORDER_AABB)
        add_core_by_layers(plan);
    else
        add_core(plan);
    add_layers(plan, c->layers - c->coda, c->layers);
    weights_begin_block(&plan->table, "norm");
    add(plan, &final_norm_stage, -1);
    if (c->output == LTM_OUTPUT_TIED) {
        add_tied_output(plan);
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

int plan_loop_length(const struct plan *plan) {
    const struct plan_core *core = &plan->core;
    const int inject = core->injects ? 1 : 0;
    return (core->end - core->begin + inject) / core->loops; /* all but the first begin with it */
}

int plan_loop(const struct plan *plan, int loops) {
    const struct plan_core *core = &plan->core;
    return loops >= core->loops ? core->begin : core->end - loops * plan_loop_length(plan);
}

int plan_loops(const struct plan *plan) {
    return plan->config.order == LTM_ORDER_AABB ? model_loops(&plan->config) : plan->core.run;
}

bool plan_leaves(const struct plan *plan) { return plan->exit.kind != LTM_EXIT_FIXED && plan->core.run > 1; }

int plan_loops_behind(const struct plan *plan, int application) {
    const struct plan_core *core = &plan->core;
    const int to_come = core->end - 1 - application;
    const bool ends = core->loops > 1 && application >= core->begin && to_come >= 0;
    return ends && to_come % plan_loop_length(plan) == 0 ? to_come / plan_loop_length(plan) : -1;
}

int plan_loop_entered(const struct plan *plan, int loops) {
    return plan_loop(plan, loops) + (plan->core.injects && loops < plan->core.loops ? 1 : 0);
}

void plan_run(struct plan *plan, int loops) { plan->core.run = loops < plan->core.loops ? loops : plan->core.loops; }

bool plan_in_loops(const struct plan *plan, int block) {
    const struct plan_core *core = &plan->core;
    return core->loops > 1 && block >= core->block_begin && block < core->block_end;
}

bool plan_is_truncated(const struct plan *plan, int application) {
    const int kept = plan->config.backprop;
    return kept > 0 && application >= plan->core.begin && application < plan_loop(plan, kept);
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

int64_t ltm_recurrent_parameter_count(const struct ltm_model_config *config) {
    return (int64_t)plan_counted(config).recurrent;
}

double ltm_forward_flops(const struct ltm_model_config *config) { return plan_counted(config).flops; }

int model_longest_sequence(const struct ltm_model_config *config) {
    enum { ANYWAY = 1 << 26, RATIO = 16, SEQUENCE_MOST = 1 << 20 };
    const int64_t weights = RATIO * (int64_t)sizeof(float) * ltm_parameter_count(config);
    const int64_t tokens = (weights > ANYWAY ? weights : ANYWAY) / ((int64_t)sizeof(float) * config->dim);
    return tokens < SEQUENCE_MOST ? (int)tokens : SEQUENCE_MOST;
}
