/* Rules between keys, and what `auto` stands for. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/processes.h"
#include "config/choices.h"
#include "config/chunks.h"
#include "config/config_check_solver.h"
#include "config/config_keys.h"
#include "config/corpora.h"
#include "config/slow_groups.h"
#include "ltm/config.h"

/* "96 or 104": the multiples of `step` above 0 nearest to `value`. */
static void print_multiples(char text[64], int value, int step) {
    int below = value / step * step;
    if (below > 0)
        snprintf(text, 64, "%d or %d", below, below + step);
    else
        snprintf(text, 64, "%d", step);
}

static ltm_status check_heads(const struct ltm_model_config *m, struct ltm_error *error) {
    char use[64];
    if (m->dim % m->heads) {
        print_multiples(use, m->dim, 2 * m->heads);
        return fail(error, LTM_INVALID, "model.dim = %d is not a multiple of model.heads = %d; use %s", m->dim,
                    m->heads, use);
    }
    if (m->dim / m->heads % 2) {
        print_multiples(use, m->dim, 2 * m->heads);
        return fail(
            error, LTM_INVALID,
            "model.dim / model.heads = %d / %d = %d is odd, but rotary embedding rotates pairs; use model.dim = %s",
            m->dim, m->heads, m->dim / m->heads, use);
    }
    if (m->kv_heads == LTM_AUTO || m->heads % m->kv_heads == 0) return LTM_OK;
    int below = m->kv_heads < m->heads ? m->kv_heads : m->heads;
    while (m->heads % below) below--;
    return fail(error, LTM_INVALID,
                "model.heads = %d is not a multiple of model.kv_heads = %d; use model.kv_heads = %d", m->heads,
                m->kv_heads, below);
}

static ltm_status check_latents(const struct ltm_model_config *m, struct ltm_error *error) {
    char use[64];
    const int reading = m->layers - m->latent_from;
    if (m->kind == LTM_MODEL_SOLVER) return LTM_OK; /* its cells read them, in no layer */
    if (reading < 1)
        return fail(error, LTM_INVALID,
                    "latent.from = %d leaves none of model.layers = %d to read latents; use %d at most", m->latent_from,
                    m->layers, m->layers - 1);
    if (m->latents % reading) {
        print_multiples(use, m->latents, reading);
        if (m->latent_from)
            return fail(error, LTM_INVALID,
                        "latent.count = %d is not a multiple of the %d layers from latent.from = %d up; use %s, or 0 "
                        "for none",
                        m->latents, reading, m->latent_from, use);
        return fail(error, LTM_INVALID,
                    "latent.count = %d is not a multiple of model.layers = %d; use %s, or 0 for none", m->latents,
                    m->layers, use);
    }
    /* Latent j is at position j · floor(T_max / N_z), which is 0 for all if there are more latents than tokens. */
    if (m->latents > m->sequence)
        return fail(error, LTM_INVALID,
                    "latent.count = %d is more than model.sequence = %d, so the latents' positions would coincide; use "
                    "at most %d",
                    m->latents, m->sequence, m->sequence / reading * reading);
    return LTM_OK;
}

enum {
    SAMPLED_MOST = 100 /* loops: depth_at underflows if a rate far above 700 is drawn */
};

static ltm_status check_loops(const struct ltm_config *c, struct ltm_error *error) {
    const struct ltm_model_config *m = &c->model;
    const int loops = m->loops > 1 ? m->loops : 1;
    const int most = c->eval.loops > loops ? c->eval.loops : loops;
    if (m->prelude + m->coda >= m->layers)
        return fail(
            error, LTM_INVALID,
            "model.prelude = %d and model.coda = %d leave no core of model.layers = %d; together they are %d at "
            "most",
            m->prelude, m->coda, m->layers, m->layers - 1);
    if (c->fast.loops > loops)
        return fail(error, LTM_INVALID, "fast.loops = %d is more than model.loops = %d; use at most that, or 0",
                    c->fast.loops, loops);
    const bool own = m->loop_gains == LTM_LOOP_GAINS_OWN;
    const bool sampled = c->loop.depth == LTM_LOOP_DEPTH_SAMPLED;
    if (own && (sampled || c->eval.loops > loops))
        return fail(error, LTM_INVALID,
                    "loop.gains = own has weights for only model.loops = %d, but %s can run more; use shared", loops,
                    sampled ? "loop.depth = sampled" : "eval.loops");
    if (loops == 1 && m->inject != LTM_INJECT_NONE && c->eval.loops > 1)
        return fail(error, LTM_INVALID,
                    "model.loops = 1 has no weights of loop.inject, which eval.loops = %d needs; use 1, or 0",
                    c->eval.loops);
    if (most == 1) return LTM_OK;
    if (sampled && loops > SAMPLED_MOST)
        return fail(error, LTM_INVALID,
                    "loop.depth = sampled with model.loops = %d is above the limit of %d; use fewer, or fixed", loops,
                    SAMPLED_MOST);
    const int drawn = sampled && loops > 1 ? LTM_LOOP_DEPTH_TIMES * loops : loops;
    const int deepest = drawn > most ? drawn : most;
    const int depth = m->layers + (deepest - 1) * (m->layers - m->prelude - m->coda);
    if (depth > CONFIG_DEPTH_MOST)
        return fail(
            error, LTM_INVALID,
            "%d loops, the most that model.loops, loop.depth or eval.loops asks for, make %d layers in total, more "
            "than the limit of %d; use fewer",
            deepest, depth, CONFIG_DEPTH_MOST);
    if (m->latents && m->latent_from < m->prelude)
        return fail(error, LTM_INVALID,
                    "latent.from = %d is below model.prelude = %d, whose layers read no latents; use %d at least",
                    m->latent_from, m->prelude, m->prelude);
    if (m->order == LTM_ORDER_AABB && m->inject != LTM_INJECT_NONE)
        return fail(error, LTM_INVALID,
                    "model.order = AABB has no whole loops for loop.inject to feed; use ABAB, or loop.inject = none");
    if (m->order == LTM_ORDER_AABB && c->eval.exit.kind != LTM_EXIT_FIXED)
        return fail(error, LTM_INVALID,
                    "model.order = AABB has no whole loops that a position could leave; use eval.exit = fixed");
    if (m->order == LTM_ORDER_AABB &&
        (m->backprop || c->fast.loops || c->loop.start > 0 || c->loop.full > 0 || sampled))
        return fail(error, LTM_INVALID,
                    "model.order = AABB has no whole loops to select, as loop.backprop, loop.start, loop.full, "
                    "loop.depth = sampled and fast.loops do; use ABAB, or none of these");
    if (m->backprop && m->inject == LTM_INJECT_NONE)
        return fail(error, LTM_INVALID,
                    "loop.backprop = %d with loop.inject = none lets no gradient reach the embedding; use 0, or add, "
                    "concat or diagonal",
                    m->backprop);
    if (own && m->inject == LTM_INJECT_NONE)
        return fail(error, LTM_INVALID,
                    "loop.inject = none has no weights, so loop.gains = own has no meaning; use shared");
    return LTM_OK;
}

static ltm_status check_slow(const struct ltm_config *c, struct ltm_error *error) {
    const struct ltm_slow_config *s = &c->slow;
    if (s->lr_min != LTM_AUTO && s->lr_min > s->lr)
        return fail(error, LTM_INVALID, "slow.lr_min = %g is above slow.lr = %g; use auto, or at most that", s->lr_min,
                    s->lr);
    if (s->beta1 >= 1 || s->beta2 >= 1)
        return fail(error, LTM_INVALID, "slow.%s = 1 would never decay; use a number below 1, such as %s",
                    s->beta1 >= 1 ? "beta1" : "beta2", s->beta1 >= 1 ? "0.9" : "0.95");
    if (s->ema >= 1)
        return fail(error, LTM_INVALID,
                    "slow.ema = 1 would never change the average; use a number below 1, such as 0.99");
    PASS_UP(optimiser_check(c, error));
    PASS_UP(objective_check(c, error));
    if (s->samples > 1 && c->fast.noise == LTM_NOISE_FIXED)
        return fail(error, LTM_INVALID, "fast.noise = fixed has one draw per sequence, but slow.samples = %d; use 1",
                    s->samples);
    if (s->batch_start > s->batch)
        return fail(error, LTM_INVALID, "slow.batch_start = %d is more than slow.batch = %d; use less, or 0",
                    s->batch_start, s->batch);
    if (s->window_start > c->model.window)
        return fail(error, LTM_INVALID, "slow.window_start = %d is more than model.window = %d; use less, or 0",
                    s->window_start, c->model.window);
    if (s->group > s->batch)
        return fail(error, LTM_INVALID, "slow.group = %d is more than slow.batch = %d; use auto, or at most %d",
                    s->group, s->batch, s->batch);
    return LTM_OK;
}

/* Sequences whose chunks together have `rows` rows, but no more than leave `groups` groups in a batch. */
static int fill_group(const struct ltm_config *config, int chunk, int rows, int groups) {
    const int full = (rows + chunk - 1) / chunk;
    const int most = config->slow.batch / groups;
    return full < most ? full : most;
}

/* As many sequences as make about 1,000 rows, a good size for a matrix product; but at least eight groups a batch, so that
 * threads find work. Chunks of streaming latents make few rows: four groups a batch may be all there are while a group has under 256, two
 * while it has under 64. Not by the number of threads: sums are taken in the order of groups. */
static int slow_group(const struct ltm_config *config) {
    if (config->slow.group != LTM_AUTO) return config->slow.group;
    const int chunk = model_chunk(&config->model);
    const int most = (1000 + chunk / 2) / chunk;
    const int share = config->slow.batch / 8;
    int group = share < most ? share : most;
    if (model_streams(&config->model)) {
        const int four = fill_group(config, chunk, 256, 4);
        const int two = fill_group(config, chunk, 64, 2);
        group = group > four ? group : four;
        group = group > two ? group : two;
    }
    if (config->slow.objective == LTM_OBJECTIVE_DPO) return group < 2 ? 2 : group / 2 * 2; /* whole pairs of answers */
    return group < 1 ? 1 : group;
}

int slow_groups(const struct ltm_config *config) {
    const int group = slow_group(config);
    return (config->slow.batch + group - 1) / group;
}

static ltm_status check_streaming(const struct ltm_config *c, struct ltm_error *error) {
    if (!model_streams(&c->model)) return LTM_OK;
    if (c->slow.samples > 1)
        return fail(error, LTM_INVALID,
                    "slow.samples = %d draws z from a fitted posterior, but latent.kind = streaming has none; use 1",
                    c->slow.samples);
    if (c->model.backprop)
        return fail(error, LTM_INVALID,
                    "loop.backprop = %d keeps no state of early loops, but latent.kind = streaming carries it from "
                    "chunk to chunk; use 0",
                    c->model.backprop);
    if (c->eval.exit.kind != LTM_EXIT_FIXED)
        return fail(
            error, LTM_INVALID,
            "latent.kind = streaming reads chunks, whose positions cannot leave the loops early; use eval.exit = "
            "fixed");
    if (c->eval.states && model_chunk(&c->model) < c->model.sequence)
        return fail(
            error, LTM_INVALID,
            "eval.states = yes writes the states of whole sequences, but latent.kind = streaming keeps only those of "
            "one chunk; use no");
    if (c->model.predict > 1)
        return fail(error, LTM_INVALID,
                    "slow.predict = %d would move z by tokens that latent.kind = streaming does not score; use 1",
                    c->model.predict);
    if (c->latent_start > 0 || c->fast.stored > 0 || c->model.encoder != LTM_ENCODER_NONE)
        return fail(
            error, LTM_INVALID,
            "latent.start, latent.encoder and fast.stored need fitted posteriors, but latent.kind = streaming has "
            "none; leave them out");
    return LTM_OK;
}

static ltm_status check_reading(const struct ltm_config *c, struct ltm_error *error) {
    if (!c->model.latents || c->model.latent_read != LTM_READ_KEYS) return LTM_OK;
    if (c->latent_start > 0)
        return fail(error, LTM_INVALID,
                    "latent.start trains layers without latents first, and latent.read = keys makes them part of "
                    "self-attention; use latent.start = 0");
    if (c->model.value_residual && c->model.latent_from > 0)
        return fail(error, LTM_INVALID,
                    "model.value_residual mixes values of layers of one kind, and latent.from = %d with latent.read = "
                    "keys makes two; use latent.from = 0",
                    c->model.latent_from);
    return LTM_OK;
}

static ltm_status check_memory(const struct ltm_config *c, struct ltm_error *error) {
    const struct ltm_model_config *m = &c->model;
    const int chunk = model_memory_chunk(m);
    if (m->memory == LTM_MEMORY_NONE) return LTM_OK;
    if (m->packing == LTM_PACKING_MASKED)
        return fail(
            error, LTM_INVALID,
            "model.memory writes whole chunks, which data.packing = masked would cut where documents begin; use "
            "packed or document");
    if (c->eval.exit.kind != LTM_EXIT_FIXED)
        return fail(error, LTM_INVALID,
                    "model.memory is written by all positions of a chunk, so that none leaves the loops early; use "
                    "eval.exit = fixed");
    if (m->memory == LTM_MEMORY_RECURRENT && (m->memory_slots < 1 || m->memory_slots > m->sequence))
        return fail(
            error, LTM_INVALID,
            "memory.slots = %d is not between 1 and model.sequence = %d, whose tokens they carry; use such as 8",
            m->memory_slots, m->sequence);
    if (chunk == m->sequence)
        return fail(error, LTM_INVALID,
                    "%s = %d leaves one chunk in model.sequence = %d, so what model.memory writes would never be read; "
                    "use memory.chunk = %d or less",
                    m->memory_chunk ? "memory.chunk" : "model.window", m->memory_chunk ? m->memory_chunk : m->window,
                    m->sequence, (m->sequence + 1) / 2);
    if (c->slow.window_start && m->memory_chunk == 0)
        return fail(
            error, LTM_INVALID,
            "memory.chunk = 0 follows a window that slow.window_start = %d lets grow; set memory.chunk, such as "
            "%d",
            c->slow.window_start, chunk);
    if (model_chunk(m) == m->sequence) return LTM_OK;
    const int fitting = (model_chunk(m) + chunk - 1) / chunk * chunk;
    if (fitting != model_chunk(m))
        return fail(
            error, LTM_INVALID,
            "latent.chunk = %d is not a multiple of memory.chunk = %d, but a memory is written by whole chunks; "
            "use latent.chunk = %d",
            model_chunk(m), chunk, fitting > chunk ? fitting : 2 * chunk);
    if (fitting == chunk) /* gradients end where a chunk of the latents does */
        return fail(
            error, LTM_INVALID,
            "latent.chunk = %d is but one memory.chunk = %d, so no gradient would train what the memory writes; "
            "use latent.chunk = %d",
            model_chunk(m), chunk, 2 * chunk);
    return LTM_OK;
}

static ltm_status check_parts(const struct ltm_config *c, struct ltm_error *error) {
    const int groups = slow_groups(c);
    if (c->slow.parts <= groups) return LTM_OK;
    return fail(error, LTM_INVALID,
                "slow.parts = %d is more than the %d groups of %d in slow.batch = %d; use at most %d", c->slow.parts,
                groups, slow_group(c), c->slow.batch, groups);
}

static ltm_status check_text_parts(const struct ltm_config *c, struct ltm_error *error) {
    const struct ltm_model_config *m = &c->model;
    const int parts = c->fast.text_parts;
    if (parts == 1 || m->latents == 0 || model_streams(m)) return LTM_OK;
    if (parts > m->sequence)
        return fail(error, LTM_INVALID, "fast.text_parts = %d is more than model.sequence = %d has tokens; use fewer",
                    parts, m->sequence);
    if (c->fast.steps % parts)
        return fail(
            error, LTM_INVALID,
            "fast.steps = %d is not a multiple of fast.text_parts = %d, so that some parts would count more than "
            "others; use %d steps",
            c->fast.steps, parts, (c->fast.steps / parts + 1) * parts);
    if (c->loop.depth == LTM_LOOP_DEPTH_SAMPLED && m->loops > 1)
        return fail(
            error, LTM_INVALID,
            "fast.text_parts = %d reads a part behind all tokens that the most loops could see, far too many for those "
            "that loop.depth = sampled draws; use fast.text_parts = 1, or loop.depth = fixed",
            parts);
    if (m->memory != LTM_MEMORY_NONE)
        return fail(error, LTM_INVALID,
                    "fast.text_parts = %d reads but a part of the text, and model.memory knows all that came before; "
                    "use fast.text_parts = 1",
                    parts);
    if (m->dropout > 0)
        return fail(error, LTM_INVALID,
                    "fast.text_parts = %d would drop out other entries than the slow step (model.dropout = %g); use "
                    "fast.text_parts = 1, or no dropout",
                    parts, m->dropout);
    if (c->data.kind == LTM_DATA_PAIRS || m->packing == LTM_PACKING_DOCUMENT)
        return fail(error, LTM_INVALID,
                    "fast.text_parts = %d could meet parts without a token that counts, by data.%s; use "
                    "fast.text_parts = 1",
                    parts, c->data.kind == LTM_DATA_PAIRS ? "kind = pairs" : "packing = document");
    return LTM_OK;
}

static ltm_status check_encoder(const struct ltm_config *c, struct ltm_error *error) {
    if (c->encoder_target != LTM_ENCODER_TARGET_FIT || c->model.latents == 0) return LTM_OK;
    if (c->model.encoder == LTM_ENCODER_NONE)
        return fail(
            error, LTM_INVALID,
            "latent.encoder_target = fit says what an encoder learns, and there is none; set latent.encoder = bag");
    if (c->fast.steps == 0)
        return fail(
            error, LTM_INVALID,
            "latent.encoder_target = fit predicts where the fast loop ends, and fast.steps = 0 has none; use more");
    return LTM_OK;
}

static ltm_status check_stored(const struct ltm_config *c, struct ltm_error *error) {
    if (c->fast.stored == 0 || c->model.latents == 0) return LTM_OK;
    if (c->fast.method != LTM_FAST_NATURAL)
        return fail(error, LTM_INVALID,
                    "fast.stored = %g keeps the curvature of fast.method = natural; use that, or fast.stored = 0",
                    c->fast.stored);
    if (c->model.encoder != LTM_ENCODER_NONE)
        return fail(error, LTM_INVALID,
                    "latent.encoder and fast.stored = %g both say where a posterior starts; use one of them",
                    c->fast.stored);
    if (c->fast.steps == 0 && c->slow.samples > 1)
        return fail(error, LTM_INVALID,
                    "fast.stored with fast.steps = 0 takes its step from the slow step's one draw, but "
                    "slow.samples = %d; use 1",
                    c->slow.samples);
    return LTM_OK;
}

static ltm_status check_fast(const struct ltm_config *c, struct ltm_error *error) {
    PASS_UP(check_text_parts(c, error));
    PASS_UP(check_stored(c, error));
    PASS_UP(check_encoder(c, error));
    const ltm_status status = fast_method_check(c, error);
    if (status != LTM_OK) return status;
    if (c->eval.continuation >= 1)
        return fail(error, LTM_INVALID,
                    "eval.continuation = 1 leaves nothing of a sequence to score; use a share below 1, such as 0.5");
    return LTM_OK;
}

static ltm_status check_latent_prediction(const struct ltm_config *c, struct ltm_error *error) {
    const struct ltm_model_config *m = &c->model;
    if (m->predict_latents == 0) return LTM_OK;
    if (c->slow.ema == 0)
        return fail(error, LTM_INVALID,
                    "slow.predict_latents = %g predicts the states of a teacher, which has the averaged weights of "
                    "slow.ema = 0; use slow.ema = 0.999, say",
                    m->predict_latents);
    if (m->predict_distance < 1 || m->predict_distance >= m->sequence)
        return fail(error, LTM_INVALID,
                    "slow.predict_distance = %d is no way on within sequences of %d tokens; use 1 to %d",
                    m->predict_distance, m->sequence, m->sequence - 1);
    if (m->predict_layers < 1 || m->predict_layers > m->layers)
        return fail(error, LTM_INVALID, "slow.predict_layers = %d is not among model.layers = %d; use 1 to %d",
                    m->predict_layers, m->layers, m->layers);
    if (model_streams(m) || c->data.kind == LTM_DATA_PAIRS)
        return fail(error, LTM_INVALID,
                    "slow.predict_latents = %g predicts states of whole texts under a fitted z or none; leave it out "
                    "with %s",
                    m->predict_latents, model_streams(m) ? "latent.kind = streaming" : "data.kind = pairs");
    if (m->latents && c->fast.steps == 0)
        return fail(error, LTM_INVALID,
                    "slow.predict_latents = %g would move the posteriors, which fast.steps = 0 fits by the slow step's "
                    "gradient; use fast.steps = 1 or more",
                    m->predict_latents);
    return LTM_OK;
}

static ltm_status check_pairs(const struct ltm_config *c, struct ltm_error *error) {
    if (c->data.kind != LTM_DATA_PAIRS && c->data.heldout[0])
        return fail(error, LTM_INVALID,
                    "data.heldout = %.300s is read only with data.kind = pairs; a corpus has its own held-out text "
                    "(ltm corpus build --heldout-files)",
                    c->data.heldout);
    if (c->data.kind != LTM_DATA_PAIRS) return LTM_OK;
    if (c->model.packing == LTM_PACKING_PACKED)
        return fail(error, LTM_INVALID,
                    "data.kind = pairs keeps pairs apart, but data.packing = packed does not; use document (one pair "
                    "per sequence), or masked (several, for a model without latents)");
    if (c->model.latents && c->model.packing != LTM_PACKING_DOCUMENT)
        return fail(error, LTM_INVALID,
                    "data.kind = pairs fits the latents of a sequence on one prompt, but data.packing = masked puts "
                    "several into a sequence; use document");
    if (c->model.encoder != LTM_ENCODER_NONE)
        return fail(
            error, LTM_INVALID,
            "latent.encoder reads whole sequences, but with data.kind = pairs z may see only the prompt; use none");
    if (model_streams(&c->model))
        return fail(
            error, LTM_INVALID,
            "latent.kind = streaming moves z by the answer, but with data.kind = pairs z must not see it; use fitted");
    if (c->data.corpora[0])
        return fail(error, LTM_INVALID, "data.kind = pairs reads one file, in data.corpus; data.corpora mixes texts");
    if (c->slow.objective == LTM_OBJECTIVE_IWAE)
        return fail(error, LTM_INVALID,
                    "slow.objective = iwae weights draws by the text that they were fitted on, but data.kind = pairs "
                    "does not score that; use elbo");
    return LTM_OK;
}

ltm_status ltm_config_check(const struct ltm_config *config, struct ltm_error *error) {
    const struct ltm_model_config *m = &config->model;
    struct corpora corpora;
    size_t count;
    const struct config_key *keys = config_key_table(&count);
    for (size_t i = 0; i < count; i++) PASS_UP(config_key_check(config, &keys[i], error));
    PASS_UP(corpora_read(&corpora, config, error));
    PASS_UP(check_heads(m, error));
    PASS_UP(check_latents(m, error));
    PASS_UP(check_loops(config, error));
    PASS_UP(check_slow(config, error));
    PASS_UP(check_streaming(config, error));
    PASS_UP(check_reading(config, error));
    PASS_UP(check_memory(config, error));
    PASS_UP(check_parts(config, error));
    PASS_UP(check_fast(config, error));
    PASS_UP(check_pairs(config, error));
    PASS_UP(check_latent_prediction(config, error));
    PASS_UP(config_check_solver(config, error));
    if (m->window > m->sequence && m->kind != LTM_MODEL_SOLVER)
        return fail(error, LTM_INVALID, "model.window = %d is more than model.sequence = %d; use at most %d", m->window,
                    m->sequence, m->sequence);
    if (m->vocab != LTM_AUTO && m->document_end >= m->vocab)
        return fail(error, LTM_INVALID, "data.document_end = %d is not an id of a vocabulary of %d", m->document_end,
                    m->vocab);
    if (strcmp(config->eval.split, "heldout") != 0 && strcmp(config->eval.split, "train") != 0)
        return fail(error, LTM_INVALID, "eval.split = \"%s\" is not known; use heldout or train", config->eval.split);
    return LTM_OK;
}

void ltm_config_resolve(struct ltm_config *config) {
    if (config->model.kv_heads == LTM_AUTO) config->model.kv_heads = config->model.heads;
    config->slow.group = slow_group(config);
    if (config->slow.lr_min == LTM_AUTO) config->slow.lr_min = slow_schedule_least(&config->slow);
    if (config->run.threads == LTM_AUTO) config->run.threads = processes_threads();
    if (config->fast.lr == LTM_AUTO) config->fast.lr = fast_method_rate(&config->fast);
    if (config->eval.fast_steps == LTM_AUTO) config->eval.fast_steps = config->fast.steps;
    if (config->eval.fast_lr == LTM_AUTO) config->eval.fast_lr = config->fast.lr;
}
