#include "model/stream_exits.h"

#include <math.h>
#include <string.h>

#include "nn/output_loss.h"
#include "stages/model_shape.h"

void stream_exits_lay_out(struct stream_exits *exits, struct arena *arena, const struct plan *plan, int slots) {
    const struct ltm_model_config *c = &plan->config;
    const size_t states = (size_t)slots * (size_t)c->dim;
    const size_t values = (size_t)slots * (size_t)(model_kv_heads(c) * model_head_dim(c));
    const size_t logits = (size_t)slots * (size_t)c->vocab;
    const bool by_kl = plan->exit.kind == LTM_EXIT_KL;
    exits_lay_out(&exits->each, arena, plan, slots);
    exits->row = ARENA_TAKE(arena, int, (size_t)slots);
    exits->slots = ARENA_TAKE(arena, int, (size_t)slots);
    exits->leaver = ARENA_TAKE(arena, int, (size_t)slots);
    exits->change = ARENA_TAKE(arena, double, (size_t)slots);
    exits->before = ARENA_TAKE(arena, float, states);
    exits->h = ARENA_TAKE(arena, float, states);
    exits->first = c->mix_input ? ARENA_TAKE(arena, float, states) : NULL;
    exits->entry = plan->core.injects ? ARENA_TAKE(arena, float, states) : NULL;
    exits->values = c->value_residual ? ARENA_TAKE(arena, float, values) : NULL;
    exits->probe = by_kl ? ARENA_TAKE(arena, float, states) : NULL;
    exits->last = by_kl ? ARENA_TAKE(arena, float, logits) : NULL;
    exits->now = by_kl ? ARENA_TAKE(arena, float, logits) : NULL;
}

/* The logits of the present states. */
static void read_out(struct stream_exits *e, float *logits, const struct stream_output *output) {
    const size_t d = (size_t)e->io.config->dim;
    const struct stage_share mine = stage_share(e->io.rows);
    struct stage_step io = e->io;
    io.h = e->probe;
    io.logits = logits;
    memcpy(io.h + (size_t)mine.from * d, e->io.h + (size_t)mine.from * d,
           (size_t)(mine.to - mine.from) * d * sizeof(float));
    stage_meet();
    output->norm->step(&io, &output->norm_weights, NULL, NULL);
    output->output->step(&io, &output->output_weights, NULL, NULL);
}

void stream_exits_begin(struct stream_exits *e, const struct stage_step *whole, const struct stream_output *output) {
#pragma omp master
    {
        exits_begin(&e->each, whole->rows);
        e->io = *whole;
        e->rest = whole->h;
        for (int i = 0; i < whole->rows; i++) e->row[i] = i;
        memcpy(e->before, whole->h, (size_t)whole->rows * (size_t)whole->config->dim * sizeof(float));
    }
    stage_meet();
    if (e->last) read_out(e, e->last, output);
}

/* How much the last loop changed this thread's rows. */
static void measure(struct stream_exits *e) {
    const size_t d = (size_t)e->io.config->dim;
    const size_t vocab = (size_t)e->io.config->vocab;
    const struct stage_share mine = stage_share(e->io.rows);
    for (size_t i = (size_t)mine.from; i < (size_t)mine.to; i++)
        e->change[i] = e->last ? (double)softmax_divergence(e->last + i * vocab, e->now + i * vocab, vocab)
                               : exits_change(e->io.h + i * d, e->before + i * d, d);
}

/* Row `from` becomes row `to` of what runs on. */
static void keep(float *to_array, size_t to, const float *from_array, size_t from, size_t width) {
    if (to_array) memmove(to_array + to * width, from_array + from * width, width * sizeof(float));
}

static void leave(struct stream_exits *e, int behind) {
    const struct ltm_model_config *c = e->io.config;
    const size_t d = (size_t)c->dim;
    const size_t values = (size_t)(model_kv_heads(c) * model_head_dim(c));
    const struct stage_step old = e->io;
    size_t to = 0;
    e->leaving = 0;
    for (size_t i = 0; i < (size_t)old.rows; i++) {
        const int row = e->row[i];
        const bool leaves = exits_leave(&e->each, row, behind ? e->change[i] : INFINITY);
        if (leaves || !behind) memmove(e->rest + (size_t)row * d, old.h + i * d, d * sizeof(float));
        if (leaves) e->leaver[e->leaving++] = old.slots[i];
        if (leaves || !behind) continue;
        keep(e->before, to, old.h, i, d);
        keep(e->h, to, old.h, i, d);
        keep(e->first, to, old.first, i, d);
        keep(e->entry, to, old.entry, i, d);
        keep(e->values, to, old.values, i, values);
        keep(e->last, to, e->now, i, (size_t)c->vocab);
        e->slots[to] = old.slots[i];
        e->row[to++] = row;
    }
    e->io.rows = (int)to;
    e->io.slots = e->slots;
    e->io.h = e->h;
    e->io.first = e->first;
    e->io.entry = e->entry;
    e->io.values = e->values;
}

void stream_exits_end_loop(struct stream_exits *e, int behind, const struct stream_output *output) {
    if (behind && e->now) read_out(e, e->now, output);
    if (behind) measure(e);
    stage_meet();
#pragma omp master
    leave(e, behind);
    stage_meet();
}
