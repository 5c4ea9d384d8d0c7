#include "model/decoder_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/chunks.h"
#include "model/decoder_pass.h"
#include "model/stream_exits.h"
#include "nn/rope.h"
#include "stages/model_shape.h"

/* What an application keeps of one slot's text. */
struct span {
    char *begin;
    size_t bytes;
};

struct decoder_stream {
    const struct decoder *decoder;
    const struct stream_weights *weights;
    void *block;
    int slots;
    int threads;
    int64_t *positions; /* [slots] */
    int64_t *starts;    /* [slots]: where the present document began, if attention is masked, or else 0 */
    void **buffers;     /* [plan.count]: an application's, for a step */
    char **caches;      /* [plan.count]: an application's of all slots */
    struct span *spans; /* [plan.count, slots]: what the caches' pointers lead to */
    float *h;           /* (slots, d) */
    float *first;       /* (slots, d), or NULL: stage_step's */
    float *entry;       /* (slots, d), likewise */
    float *values;      /* (slots, K h), likewise */
    float *far;         /* (slots, h): stage_step's */
    float *logits;      /* (slots, V) */
    struct stream_exits exits;
};

static char *cache_of(const struct decoder_stream *stream, int application, int slot) {
    const size_t size = stream->decoder->plan.applications[application].kind->cache_size;
    return stream->caches[application] + (size_t)slot * size;
}

static size_t scratch_bytes(const struct plan *plan, int slots, int threads) {
    size_t most = 0;
    for (int a = 0; a < plan->count; a++) {
        union stage_unused unused;
        struct arena scratch = {0};
        if (plan->applications[a].kind->lay_out_step)
            plan->applications[a].kind->lay_out_step(&unused, &scratch, &plan->config, slots, threads);
        if (scratch.used > most) most = scratch.used;
    }
    return most;
}

static void lay_out(struct decoder_stream *stream, const struct plan *plan, struct arena *arena) {
    const struct ltm_model_config *c = &plan->config;
    const size_t slots = (size_t)stream->slots;
    char *shared = ARENA_TAKE(arena, char, scratch_bytes(plan, stream->slots, stream->threads));
    stream->positions = ARENA_TAKE(arena, int64_t, slots);
    stream->starts = ARENA_TAKE(arena, int64_t, slots);
    stream->buffers = ARENA_TAKE(arena, void *, (size_t)plan->count);
    stream->caches = ARENA_TAKE(arena, char *, (size_t)plan->count);
    stream->spans = ARENA_TAKE(arena, struct span, slots * (size_t)plan->count);
    stream->h = ARENA_TAKE(arena, float, slots *(size_t)c->dim);
    const size_t values = slots * (size_t)(model_kv_heads(c) * model_head_dim(c));
    stream->values = c->value_residual ? ARENA_TAKE(arena, float, values) : NULL;
    stream->first = c->mix_input ? ARENA_TAKE(arena, float, slots *(size_t)c->dim) : NULL;
    stream->entry = plan->core.injects ? ARENA_TAKE(arena, float, slots *(size_t)c->dim) : NULL;
    stream->far = ARENA_TAKE(arena, float, slots *(size_t)model_head_dim(c));
    stream->logits = ARENA_TAKE(arena, float, slots *(size_t)c->vocab);
    if (plan_leaves(plan)) stream_exits_lay_out(&stream->exits, arena, plan, stream->slots);
    for (int a = 0; a < plan->count; a++) {
        const struct stage_kind *kind = plan->applications[a].kind;
        struct arena scratch = {.base = shared};
        union stage_unused unused;
        char *buffers = ARENA_TAKE(arena, char, kind->step_size);
        char *caches = ARENA_TAKE(arena, char, slots * kind->cache_size);
        if (kind->lay_out_step)
            kind->lay_out_step(arena->base ? buffers : unused.bytes, &scratch, c, stream->slots, stream->threads);
        for (size_t i = 0; kind->lay_out_cache && i < slots; i++) {
            const size_t begin = arena->used;
            kind->lay_out_cache(arena->base ? caches + i * kind->cache_size : unused.bytes, arena, c);
            if (arena->base)
                stream->spans[(size_t)a * slots + i] = (struct span){arena->base + begin, arena->used - begin};
        }
        if (!arena->base) continue;
        stream->buffers[a] = buffers;
        stream->caches[a] = caches;
    }
}

size_t decoder_stream_bytes(const struct plan *plan, int slots, int threads) {
    struct decoder_stream measured = {.slots = slots, .threads = threads};
    struct arena arena = {0};
    lay_out(&measured, plan, &arena);
    return arena.used;
}

ltm_status decoder_stream_create(struct decoder_stream **stream, const struct stream_weights *weights, int slots,
                                 int threads, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const struct plan *plan = &weights->decoder->plan;
    struct decoder_stream *made = NULL;
    struct arena arena = {0};
    *stream = NULL;
    TRY(NEW_ARRAY(made, 1, "generation", error));
    *made =
        (struct decoder_stream){.decoder = weights->decoder, .weights = weights, .slots = slots, .threads = threads};
    TRY(memory_zeroed(&made->block, decoder_stream_bytes(plan, slots, threads), 1, "generation", error));
    arena.base = made->block;
    lay_out(made, plan, &arena);
    *stream = made;
    return LTM_OK;
cleanup:
    decoder_stream_free(made);
    return status;
}

void decoder_stream_free(struct decoder_stream *stream) {
    if (!stream) return;
    free(stream->block);
    free(stream);
}

static struct stage_weights weights_of(const struct decoder_stream *stream, int application) {
    struct stage_weights w = decoder_stage_weights(stream->decoder, application);
    w.row_products = stream->weights->products + stream->decoder->plan.applications[application].product;
    return w;
}

void decoder_stream_renew(struct decoder_stream *stream, int slot, const float *z) {
    const struct plan *plan = &stream->decoder->plan;
    const size_t part = (size_t)model_layer_latents(&plan->config) * (size_t)plan->config.dim;
    for (int a = 0; a < plan->count; a++) {
        const struct application *at = &plan->applications[a];
        const struct stage_weights w = weights_of(stream, a);
        if (at->kind->begin_cache)
            at->kind->begin_cache(cache_of(stream, a, slot), &w, &plan->config, stream->decoder->latent_rope,
                                  at->part < 0 ? NULL : z + (size_t)at->part * part);
    }
}

void decoder_stream_begin(struct decoder_stream *stream, int slot, const float *z) {
    const struct plan *plan = &stream->decoder->plan;
    stream->positions[slot] = stream->starts[slot] = 0;
    for (int a = 0; a < plan->count; a++) {
        const struct stage_weights w = weights_of(stream, a);
        if (plan->applications[a].kind->start_cache)
            plan->applications[a].kind->start_cache(cache_of(stream, a, slot), &w, &plan->config);
    }
    decoder_stream_renew(stream, slot, z);
}

void decoder_stream_begin_behind(struct decoder_stream *stream, int slot, const struct decoder_pass *pass,
                                 const float *z) {
    const struct plan *plan = &stream->decoder->plan;
    decoder_stream_begin(stream, slot, z);
    stream->positions[slot] = pass->io.shape.position + pass->io.shape.length;
    if (pass->starts) stream->starts[slot] = pass->io.shape.position + pass->starts[pass->io.shape.length - 1];
    for (int a = 0; a < plan->count; a++)
        if (plan->applications[a].kind->continue_cache)
            plan->applications[a].kind->continue_cache(cache_of(stream, a, slot),
                                                       pass->applied[pass_exits_holder(&pass->exits, plan, a)].state,
                                                       &pass->io.shape, (int)stream->starts[slot]);
}

int64_t decoder_stream_position(const struct decoder_stream *stream, int slot) { return stream->positions[slot]; }

size_t decoder_stream_slot_bytes(const struct plan *plan) {
    size_t bytes = sizeof(int64_t); /* position and start */
    for (int a = 0; a < plan->count; a++) {
        union stage_unused unused;
        struct arena arena = {0};
        if (plan->applications[a].kind->lay_out_cache)
            plan->applications[a].kind->lay_out_cache(&unused, &arena, &plan->config);
        bytes += arena.used;
    }
    return bytes;
}

void decoder_stream_copy(struct decoder_stream *stream, int to, int from) {
    stream->positions[to] = stream->positions[from];
    stream->starts[to] = stream->starts[from];
    for (int a = 0; a < stream->decoder->plan.count; a++) {
        const struct span *spans = &stream->spans[a * stream->slots];
        if (spans[to].bytes) memcpy(spans[to].begin, spans[from].begin, spans[from].bytes);
    }
}

/* One number: the position, where a text rolls on, and begins at 0; else both, which are below 2^31, the start in the upper half. */
void decoder_stream_save(const struct decoder_stream *stream, int slot, char *to) {
    const int64_t place = stream->positions[slot] + stream->starts[slot] * ((int64_t)1 << 32);
    memcpy(to, &place, sizeof place);
    to += sizeof place;
    for (int a = 0; a < stream->decoder->plan.count; a++) {
        const struct span *span = &stream->spans[a * stream->slots + slot];
        if (span->bytes) memcpy(to, span->begin, span->bytes);
        to += span->bytes;
    }
}

bool decoder_stream_restore(struct decoder_stream *stream, int slot, const char *from) {
    int64_t place;
    memcpy(&place, from, sizeof place);
    const struct ltm_model_config *c = &stream->decoder->plan.config;
    const int64_t start = model_rolls(c) ? 0 : place >> 32;
    const int64_t position = model_rolls(c) ? place : place & UINT32_MAX;
    if (place < 0 || position > (model_rolls(c) ? INT64_MAX / 2 : c->sequence) || start > position) return false;
    from += sizeof place;
    stream->positions[slot] = position;
    stream->starts[slot] = start;
    for (int a = 0; a < stream->decoder->plan.count; a++) {
        const struct span *span = &stream->spans[a * stream->slots + slot];
        if (span->bytes) memcpy(span->begin, from, span->bytes);
        from += span->bytes;
    }
    return true;
}

/* What the prelude left. */
static void keep_entry(const struct stage_step *io) {
    const struct stage_share mine = stage_share(io->rows * io->config->dim);
    memcpy(io->entry + mine.from, io->h + mine.from, (size_t)(mine.to - mine.from) * sizeof(float));
    stage_meet();
}

/* The tokens that have left the loops behind the a-th application, in all those that they do not run. */
static void keep_left(struct decoder_stream *stream, int a) {
    const struct plan *plan = &stream->decoder->plan;
    const struct stream_exits *e = &stream->exits;
    for (int i = 0; i < e->leaving; i++)
        for (int to = a + 1; to < plan->core.end; to++) {
            const int slot = e->leaver[i];
            const struct stage_kind *kind = plan->applications[to].kind;
            if (kind->step_left)
                kind->step_left(cache_of(stream, to, slot), cache_of(stream, to - plan_loop_length(plan), slot),
                                &plan->config, (int)(stream->positions[slot] - stream->starts[slot]));
        }
}

/* Behind the a-th application: the next one. */
static int advance(struct decoder_stream *stream, int a, const struct stream_output *output) {
    const struct plan *plan = &stream->decoder->plan;
    const int behind = stream->exits.row ? plan_loops_behind(plan, a) : -1;
    if (behind < 0) return a + 1;
    stream_exits_end_loop(&stream->exits, behind, output);
#pragma omp master
    keep_left(stream, a);
    stage_meet();
    return stream->exits.io.rows ? a + 1 : plan->core.end;
}

float *decoder_stream_step(struct decoder_stream *stream, const int *slots, const int32_t *tokens, int count) {
    const struct decoder *decoder = stream->decoder;
    const struct stage_step io = {.config = &decoder->plan.config,
                                  .rope = decoder->rope,
                                  .far = stream->far,
                                  .tokens = tokens,
                                  .rows = count,
                                  .slots = slots,
                                  .positions = stream->positions,
                                  .starts = stream->starts,
                                  .h = stream->h,
                                  .first = stream->first,
                                  .entry = stream->entry,
                                  .values = stream->values,
                                  .logits = stream->logits};
    const struct ltm_model_config *c = io.config;
    for (int i = 0; i < count; i++)
        if (c->packing == LTM_PACKING_MASKED && tokens[i] == c->document_end)
            stream->starts[slots[i]] = stream->positions[slots[i]];
    for (int i = 0; i < count; i++)
        if (stream->positions[slots[i]] >= c->sequence)
            rope_row(stream->far + (size_t)slots[i] * (size_t)model_head_dim(c), (double)stream->positions[slots[i]],
                     model_head_dim(c));
    const struct plan_core *core = &decoder->plan.core;
    const int last = decoder->plan.count - 1;
    const struct stream_output output = {decoder->plan.applications[last - 1].kind,
                                         decoder->plan.applications[last].kind, weights_of(stream, last - 1),
                                         weights_of(stream, last)};
#pragma omp parallel num_threads(stream->threads)
    for (int a = 0; a <= last;) {
        const struct stage_weights w = weights_of(stream, a);
        const bool in_loops = stream->exits.row && a >= core->begin && a < core->end;
        if (a == core->begin && io.entry) keep_entry(&io);
        if (a == core->begin && in_loops) stream_exits_begin(&stream->exits, &io, &output);
        decoder->plan.applications[a].kind->step(in_loops ? &stream->exits.io : &io, &w, stream->buffers[a],
                                                 stream->caches[a]);
        a = advance(stream, a, &output);
    }
    for (int i = 0; i < count; i++) stream->positions[slots[i]]++;
    return stream->logits;
}

const int *decoder_stream_depths(const struct decoder_stream *stream) { return stream->exits.each.loops; }
