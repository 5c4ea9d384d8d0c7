/* A group's workspace: what a pass takes, and where it lies. */
#include <stdlib.h>

#include "base/memory.h"
#include "config/chunks.h"
#include "model/decoder_pass.h"
#include "nn/output_loss.h"
#include "stages/model_shape.h"

/* Do the block's applications follow one another, in one chunk? Its gradient is then made and handed on in one go. */
static bool in_one_go(const struct plan *plan, int block) {
    if (plan_in_loops(plan, block) || model_streams(&plan->config)) return false;
    int runs = 0;
    for (int a = 0; a < plan->count; a++)
        if (plan->applications[a].block == block && (a == 0 || plan->applications[a - 1].block != block)) runs++;
    return runs <= 1;
}

int decoder_pass_gradients(const struct plan *plan, int gradients) {
    int apart = 0;
    for (int b = 0; b < plan->table.block_count; b++) apart += in_one_go(plan, b) ? 0 : 1;
    return gradients + apart;
}

/* Blocks that are made in one go take turns in `gradients` buffers; each of the others has its own. */
static void lay_out_gradients(struct decoder_pass *pass, const struct plan *plan, struct arena *arena) {
    const struct weight_block *blocks = plan->table.blocks;
    const size_t buffers = (size_t)pass->gradients;
    size_t largest = 0;
    size_t turn = 0;
    for (int b = 0; b < plan->table.block_count; b++)
        if (in_one_go(plan, b) && block_size(&blocks[b]) > largest) largest = block_size(&blocks[b]);
    pass->gradient = ARENA_TAKE(arena, float *, (size_t)plan->table.block_count);
    float *rotating = ARENA_TAKE(arena, float, (largest * buffers));
    for (int b = plan->table.block_count - 1; b >= 0; b--) {
        const bool apart = !in_one_go(plan, b);
        float *dw = apart ? ARENA_TAKE(arena, float, block_size(&blocks[b])) : NULL;
        if (!arena->base) continue;
        pass->gradient[b] = apart ? dw : rotating + turn++ % buffers * largest;
    }
}

/* Rows of the a-th application's products. */
static int product_rows(const struct plan *plan, int a, int rows) {
    const int block = output_loss_rows(plan->config.vocab);
    return plan->applications[a].kind == &output_stage && rows > block ? block : rows;
}

/* Rows of a product's backlog, where a group's pass has `rows`. */
static int backlog_room(const struct plan *plan, int product, int rows, int chunks) {
    int a = plan->count - 1;
    while (product < plan->applications[a].product ||
           product >= plan->applications[a].product + plan->applications[a].products)
        a--;
    return linear_backlog_rows(product_rows(plan, a, rows), chunks);
}

static void lay_out_backlogs(struct decoder_pass *pass, const struct plan *plan, struct arena *arena, int rows) {
    const size_t count = (size_t)plan->table.product_count;
    const int chunks = (plan->config.sequence - 1) / model_chunk(&plan->config) + 1;
    struct linear_backlog *backlogs = ARENA_TAKE(arena, struct linear_backlog, count);
    pass->products = ARENA_TAKE(arena, struct linear, count);
    for (size_t i = 0; i < count; i++) {
        const struct weight_product *w = &plan->table.products[i];
        const size_t room = (size_t)backlog_room(plan, (int)i, rows, chunks);
        bf16 *dy = ARENA_TAKE(arena, bf16, (room * (size_t)w->out));
        bf16 *x = ARENA_TAKE(arena, bf16, (room * (size_t)w->in));
        if (!arena->base) continue;
        backlogs[i] = (struct linear_backlog){.dy = dy, .x = x, .room = (int)room, .times = chunks};
        pass->products[i] = pass->decoder->products[i];
        pass->products[i].backlog = &backlogs[i];
    }
}

static bool shares_room(const struct decoder_pass *pass, const struct plan *plan, int application) {
    return pass->gradients && plan_is_truncated(plan, application);
}

bool decoder_pass_shares(const struct decoder_pass *pass, int application) {
    return shares_room(pass, &pass->decoder->plan, application);
}

/* What all applications share: the most that one takes while it runs, and the most that one without a gradient keeps. */
struct shared_bytes {
    size_t scratch;
    size_t kept;
};

static struct shared_bytes shared_bytes(const struct decoder_pass *pass, const struct plan *plan,
                                        const struct stage_shape *shape) {
    struct shared_bytes most = {0};
    for (int a = 0; a < plan->count; a++) {
        union stage_unused unused;
        struct arena kept = {0};
        struct arena scratch = {0};
        if (plan->applications[a].kind->lay_out) plan->applications[a].kind->lay_out(&unused, &kept, &scratch, shape);
        if (scratch.used > most.scratch) most.scratch = scratch.used;
        if (shares_room(pass, plan, a) && kept.used > most.kept) most.kept = kept.used;
    }
    return most;
}

size_t decoder_pass_values(const struct stage_shape *shape) {
    return (size_t)shape_rows(shape) * (size_t)(model_kv_heads(shape->config) * model_head_dim(shape->config));
}

/* Cut every buffer from the arena; with arena->base NULL only its size is learnt. */
static void lay_out(struct decoder_pass *pass, const struct plan *plan, struct arena *arena,
                    const struct stage_shape *shape, bool in_bf16) {
    const bool drops = pass->gradients && plan->config.dropout > 0;
    const struct shared_bytes bytes = shared_bytes(pass, plan, shape);
    char *shared = ARENA_TAKE(arena, char, bytes.scratch);
    char *unkept = ARENA_TAKE(arena, char, bytes.kept);
    float *turns[2] = {NULL, NULL}; /* what applications that keep nothing read, and what they write */
    for (int i = 0; i < 2 && shares_room(pass, plan, plan->core.begin); i++)
        turns[i] = ARENA_TAKE(arena, float, shape_floats(shape));
    pass->applied = ARENA_TAKE(arena, struct applied, (size_t)plan->count);
    pass->io.dh = ARENA_TAKE(arena, float, shape_floats(shape));
    const struct ltm_model_config *c = &plan->config;
    const size_t values = decoder_pass_values(shape);
    pass->dentry = plan->core.injects && pass->gradients ? ARENA_TAKE(arena, float, shape_floats(shape)) : NULL;
    pass->dfirst = c->mix_input && pass->gradients ? ARENA_TAKE(arena, float, shape_floats(shape)) : NULL;
    const size_t z = (size_t)shape->sequences * (size_t)c->latents * (size_t)c->dim;
    pass->io.start_mu = model_encodes(c) ? ARENA_TAKE(arena, float, z) : NULL;
    pass->io.start_logvar = model_encodes(c) ? ARENA_TAKE(arena, float, z) : NULL;
    pass->io.values = c->value_residual ? ARENA_TAKE(arena, float, values) : NULL;
    pass->dvalues = c->value_residual && pass->gradients ? ARENA_TAKE(arena, float, values) : NULL;
    for (int a = 0; a < plan->count; a++) {
        const struct stage_kind *kind = plan->applications[a].kind;
        union stage_unused unused;
        const bool shares = shares_room(pass, plan, a);
        struct arena scratch = {.base = shared};
        struct arena own = {.base = unkept};
        char *state = ARENA_TAKE(arena, char, kind->state_size);
        float *in = turns[a % 2];
        if (!shares || a == plan->core.begin) in = a ? ARENA_TAKE(arena, float, shape_floats(shape)) : NULL;
        uint8_t *kept = drops && kind->drops_out ? ARENA_TAKE(arena, uint8_t, shape_floats(shape)) : NULL;
        if (kind->lay_out) kind->lay_out(arena->base ? state : unused.bytes, shares ? &own : arena, &scratch, shape);
        if (arena->base)
            pass->applied[a] = (struct applied){.state = state,
                                                .in = in,
                                                .kept = kept,
                                                .first = plan_begins_block(plan, a),
                                                .last = plan_ends_block(plan, a),
                                                .adds_dz = plan_part_read_later(plan, a)};
    }
    if (plan->config.packing == LTM_PACKING_MASKED)
        pass->starts = ARENA_TAKE(arena, int32_t, (size_t)shape_rows(shape));
    if (plan_leaves(plan) && !pass->gradients) pass_exits_lay_out(&pass->exits, arena, plan, shape);
    if (pass->gradients) lay_out_gradients(pass, plan, arena);
    if (pass->gradients && in_bf16 && model_chunk(c) < c->sequence)
        lay_out_backlogs(pass, plan, arena, shape_rows(shape));
}

static size_t arena_bytes(const struct plan *plan, const struct stage_shape *shape, int gradients, bool in_bf16) {
    struct decoder_pass measured = {.gradients = gradients};
    struct arena arena = {0};
    lay_out(&measured, plan, &arena, shape, in_bf16);
    return arena.used;
}

/* The widest products' operands in bf16; oneDNN's own room for a weight's gradient is about another megabyte. */
static size_t work_bytes(const struct plan *plan, int rows, bool training) {
    size_t most = 0;
    for (int a = 0; a < plan->count; a++) {
        const struct application *at = &plan->applications[a];
        const int here = product_rows(plan, a, rows);
        for (int i = at->product; at->kind->prepare && i < at->product + at->products; i++) {
            const struct weight_product *p = &plan->table.products[i];
            const size_t bytes = linear_work_bytes(p->out, p->in, here, training);
            if (bytes > most) most = bytes;
        }
    }
    return most + ((size_t)1 << 20);
}

size_t decoder_pass_bytes(const struct plan *plan, int sequences, int length, int gradients, bool in_bf16) {
    const struct stage_shape shape = {.config = &plan->config, .sequences = sequences, .length = length};
    return arena_bytes(plan, &shape, gradients, in_bf16) +
           (in_bf16 ? work_bytes(plan, sequences * length, gradients > 0) : 0);
}

ltm_status decoder_pass_create(struct decoder_pass **pass, const struct decoder *decoder, int sequences, int length,
                               int gradients, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const struct plan *plan = &decoder->plan;
    const struct stage_shape shape = {.config = &plan->config, .sequences = sequences, .length = length};
    struct decoder_pass *made = NULL;
    struct arena arena = {0};
    *pass = NULL;
    TRY(NEW_ARRAY(made, 1, "a workspace", error));
    made->decoder = decoder;
    made->gradients = gradients;
    TRY(memory_zeroed(&made->block, arena_bytes(plan, &shape, gradients, decoder->in_bf16), 1, "a thread's workspace",
                      error));
    arena.base = made->block;
    lay_out(made, plan, &arena, &shape, decoder->in_bf16);
    made->io.first = made->applied[1].in;
    made->io.entry = made->applied[plan->core.begin].in;
    decoder_pass_loops(made, 0);
    made->io.rope = decoder->rope;
    made->io.latent_rope = decoder->latent_rope;
    if (decoder->in_bf16) TRY(bf16_work_create(&made->work, error));
    TRY(decoder_prepare(made, sequences, length, error));
    *pass = made;
    return LTM_OK;
cleanup:
    decoder_pass_free(made);
    return status;
}

void decoder_pass_free(struct decoder_pass *pass) {
    if (!pass) return;
    bf16_work_free(pass->work);
    free(pass->block);
    free(pass);
}
