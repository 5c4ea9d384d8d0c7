/* A group's workspace, and its forward and backward passes: walks over the plan. */
#include "model/decoder_pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/vector.h"
#include "nn/output_loss.h"
#include "stages/model_shape.h"

/* ---- The workspace ---- */

/* Are there loops that use the block? */
static bool in_loops(const struct plan *plan, int block) {
    const struct plan_core *core = &plan->core;
    return core->loops > 1 && block >= core->block_begin && block < core->block_end;
}

/* Do the block's applications follow one another? Its gradient is then made and handed on in one go. */
static bool in_one_go(const struct plan *plan, int block) {
    if (in_loops(plan, block)) return false;
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

/* Does the application share room with those like it? Not in a pass that makes no gradients of weights, whose state generation may
 * read (continue_cache). */
static bool shares_room(const struct decoder_pass *pass, const struct plan *plan, int application) {
    return pass->gradients && plan_is_truncated(plan, application);
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

static size_t value_floats(const struct stage_shape *shape) {
    return (size_t)shape_rows(shape) * (size_t)(model_kv_heads(shape->config) * model_head_dim(shape->config));
}

/* Cut every buffer from the arena; with arena->base NULL only its size is learnt. */
static void lay_out(struct decoder_pass *pass, const struct plan *plan, struct arena *arena,
                    const struct stage_shape *shape) {
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
    const size_t values = value_floats(shape);
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
}

static size_t arena_bytes(const struct plan *plan, const struct stage_shape *shape, int gradients) {
    struct decoder_pass measured = {.gradients = gradients};
    struct arena arena = {0};
    lay_out(&measured, plan, &arena, shape);
    return arena.used;
}

/* The widest products' operands in bf16; oneDNN's own room for a weight's gradient is about another megabyte. */
static size_t work_bytes(const struct plan *plan, int rows, bool training) {
    const int block = output_loss_rows(plan->config.vocab);
    size_t most = 0;
    for (int a = 0; a < plan->count; a++) {
        const struct application *at = &plan->applications[a];
        const int here = at->kind == &output_stage && rows > block ? block : rows;
        for (int i = at->product; at->kind->prepare && i < at->product + at->products; i++) {
            const struct weight_product *p = &plan->table.products[i];
            const size_t bytes = linear_work_bytes(p->out, p->in, here, training);
            if (bytes > most) most = bytes;
        }
    }
    return most + ((size_t)1 << 20);
}

size_t decoder_pass_bytes(const struct plan *plan, int sequences, int length, int gradients, bool in_bf16) {
    const struct stage_shape shape = {&plan->config, sequences, length};
    return arena_bytes(plan, &shape, gradients) + (in_bf16 ? work_bytes(plan, sequences * length, gradients > 0) : 0);
}

ltm_status decoder_pass_create(struct decoder_pass **pass, const struct decoder *decoder, int sequences, int length,
                               int gradients, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const struct plan *plan = &decoder->plan;
    const struct stage_shape shape = {&plan->config, sequences, length};
    struct decoder_pass *made = NULL;
    struct arena arena = {0};
    *pass = NULL;
    TRY(NEW_ARRAY(made, 1, "a workspace", error));
    made->decoder = decoder;
    made->gradients = gradients;
    TRY(memory_zeroed(&made->block, arena_bytes(plan, &shape, gradients), 1, "a thread's workspace", error));
    arena.base = made->block;
    lay_out(made, plan, &arena, &shape);
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

const struct decoder *decoder_pass_decoder(const struct decoder_pass *pass) { return pass->decoder; }

ltm_status decoder_prepare(struct decoder_pass *pass, int sequences, int length, struct ltm_error *error) {
    const struct plan *plan = &pass->decoder->plan;
    ltm_status status = LTM_OK;
    pass->io.shape = (struct stage_shape){&plan->config, sequences, length};
    if (pass->prepared_sequences == sequences && pass->prepared_length == length) return LTM_OK;
    pass->prepared_sequences = 0;
    for (int a = 0; a < plan->count; a++) {
        const struct stage_weights w = decoder_stage_weights(pass->decoder, a);
        const struct stage_kind *kind = plan->applications[a].kind;
        if (kind->prepare)
            TRY(kind->prepare(pass->applied[a].state, &w, &pass->io.shape, pass->work, pass->gradients > 0, error));
    }
    TRY(pass_exits_prepare(&pass->exits, pass->decoder, pass->work, sequences * length, error));
    pass->prepared_sequences = sequences;
    pass->prepared_length = length;
cleanup:
    return status;
}

/* ---- Forward ---- */

/* What runs behind the a-th application. */
static int next(const struct decoder_pass *pass, int a) {
    return a + 1 == pass->decoder->plan.core.begin ? pass->from : a + 1;
}

/* The core's first application that has a gradient. */
static int core_stop(const struct decoder_pass *pass) {
    const struct plan *plan = &pass->decoder->plan;
    return plan_is_truncated(plan, pass->from) ? plan_loop(plan, plan->config.backprop) : pass->from;
}

/* Behind the last whose state serves many z: z has a say, or it is the loss. Where z has a say in loops that keep nothing, what stands
 * before it there is made again. */
static int first_above(const struct decoder_pass *pass) {
    const struct plan *plan = &pass->decoder->plan;
    int a = 0;
    while (a < plan->count - 1 && !plan->applications[a].kind->reads_latents) a = next(pass, a);
    return plan_is_truncated(plan, a) ? pass->from : a;
}

void decoder_pass_loops(struct decoder_pass *pass, int loops) {
    const struct plan *plan = &pass->decoder->plan;
    const int most = plan->core.run;
    const int asked = loops > 0 && loops < most ? loops : most;
    if (asked == pass->loops) return;
    pass->loops = asked;
    pass->from = plan_loop_entered(plan, asked);
    pass->below = first_above(pass);
    if (pass->ready < plan->core.begin) return;
    pass->ready = pass->from;
    pass->begun = false;
}

/* Is none of its kind before it? */
static bool leads(const struct decoder_pass *pass, int application) {
    const struct plan *plan = &pass->decoder->plan;
    for (int a = 0; a < application; a = next(pass, a))
        if (plan->applications[a].kind == plan->applications[application].kind) return false;
    return true;
}

/* What the a-th application works on, and with. */
static struct stage_weights hand_to(struct decoder_pass *pass, int a) {
    const struct plan *plan = &pass->decoder->plan;
    struct stage_weights w = decoder_stage_weights(pass->decoder, a);
    w.leads = leads(pass, a);
    pass->io.in = a == pass->from ? pass->io.entry : pass->applied[a].in;
    pass->io.out = a + 1 < plan->count ? pass->applied[a + 1].in : NULL;
    pass->io.kept = pass->dropout.sequences ? pass->applied[a].kept : NULL;
    pass->io.kept_scale = pass->kept_scale;
    pass->io.part = plan->applications[a].part;
    pass->io.adds_dz = pass->applied[a].adds_dz;
    const int before = a - plan_loop_length(plan); /* its like in that loop, where there was one */
    const bool may_have_left = pass->exits.on && before >= pass->from && a < plan->core.end;
    pass->io.left = may_have_left ? pass->exits.each.left : NULL;
    pass->io.before = may_have_left ? pass->applied[before].state : NULL;
    return w;
}

/* Does the stream go by it unchanged? */
static bool passed_over(const struct decoder_pass *pass, int a) {
    const struct plan *plan = &pass->decoder->plan;
    return plan->plain && (plan->applications[a].kind->reads_latents || plan->applications[a].kind->fits_latents);
}

static void begin_application(struct decoder_pass *pass, int a) {
    const struct stage_kind *kind = pass->decoder->plan.applications[a].kind;
    const struct stage_weights w = hand_to(pass, a);
    if (kind->begin && !passed_over(pass, a)) kind->begin(&pass->io, &w, pass->applied[a].state);
}

static void run_application(struct decoder_pass *pass, int a, bool begun) {
    if (!begun) begin_application(pass, a);
    const struct stage_weights w = hand_to(pass, a);
    if (passed_over(pass, a))
        memcpy(pass->io.out, pass->io.in, sizeof(float) * shape_floats(&pass->io.shape));
    else
        pass->decoder->plan.applications[a].kind->forward(&pass->io, &w, pass->applied[a].state);
}

static void begin_loops(struct decoder_pass *pass) {
    pass_exits_begin(&pass->exits, &pass->decoder->plan, shape_rows(&pass->io.shape), !pass->io.gradient_follows);
}

/* Run the a-th application; the next one. */
static int advance(struct decoder_pass *pass, int a, bool begun) {
    const struct plan *plan = &pass->decoder->plan;
    if (a == pass->from) begin_loops(pass);
    run_application(pass, a, begun);
    const int behind = pass->exits.on && a >= pass->from ? plan_loops_behind(plan, a) : -1;
    if (behind < 0) return next(pass, a);
    const int begin = a + 1 - plan_loop_length(plan);
    const float *before = begin <= pass->from ? pass->io.entry : pass->applied[begin].in;
    float *now = pass->applied[a + 1].in;
    if (!pass_exits_end_loop(&pass->exits, pass->decoder, behind, before, now, shape_rows(&pass->io.shape)))
        return a + 1;
    pass->exits.end = a + 1;
    memcpy(pass->applied[plan->core.end].in, now, shape_floats(&pass->io.shape) * sizeof *now);
    return plan->core.end;
}

/* As far as z has no say. */
static void forward_below(struct decoder_pass *pass) {
    while (pass->ready < pass->below) pass->ready = advance(pass, pass->ready, false);
    if (!pass->begun) begin_application(pass, pass->below);
    pass->begun = true;
}

void decoder_drop_out(struct decoder_pass *pass, const struct decoder_dropout *dropout) {
    const bool drops = dropout && pass->gradients && pass->decoder->plan.config.dropout > 0;
    pass->dropout = drops ? *dropout : (struct decoder_dropout){0};
}

/* A document begins with the end of the one before, of which alone its first word's score knows. */
static void find_documents(struct decoder_pass *pass) {
    const int length = pass->io.shape.length;
    int32_t start = 0;
    for (int i = 0; pass->starts && i < shape_rows(&pass->io.shape); i++) {
        if (i % length == 0) start = 0;
        if (pass->io.tokens[i] == pass->decoder->plan.config.document_end) start = i % length;
        pass->starts[i] = start;
    }
    pass->io.starts = pass->starts;
}

/* What dropout keeps in the group's sequences. */
static void draw_kept(struct decoder_pass *pass) {
    const struct decoder_dropout *dropout = &pass->dropout;
    const struct plan *plan = &pass->decoder->plan;
    const size_t size = (size_t)pass->io.shape.length * (size_t)plan->config.dim;
    for (int a = 0; dropout->sequences && a < plan->count; a++)
        for (int g = 0; pass->applied[a].kept && g < pass->io.shape.sequences; g++)
            pass->kept_scale = random_mask(pass->applied[a].kept + (size_t)g * size, size, plan->config.dropout,
                                           (struct random_key){.seed = dropout->seed,
                                                               .purpose = RANDOM_DROPOUT,
                                                               .step = dropout->step,
                                                               .sequence = dropout->sequences[g],
                                                               .fast = (uint32_t)a});
}

void decoder_begin(struct decoder_pass *pass, const int32_t *tokens, const int32_t *targets, int sequences,
                   int length) {
    struct ltm_error error = {0};
    pass->io.tokens = tokens;
    pass->io.targets = targets;
    pass->io.gradient_follows = false;
    pass->ready = 0;
    pass->begun = false;
    decoder_pass_loops(pass, 0);
    pass->well = decoder_prepare(pass, sequences, length, &error) == LTM_OK;
    if (pass->well) {
        find_documents(pass);
        draw_kept(pass);
        forward_below(pass);
    } else if (pass->failed.code == LTM_OK)
        pass->failed = error;
}

ltm_status decoder_pass_status(const struct decoder_pass *pass, struct ltm_error *error) {
    return pass->failed.code == LTM_OK ? LTM_OK : fail_with(error, &pass->failed);
}

static void fill_nan(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = NAN;
}

/* Whether there is anything to compute with; else all that a group yields is NaN. */
static bool is_well(const struct decoder_pass *pass, float *nll, float *dz) {
    const struct ltm_model_config *c = &pass->decoder->plan.config;
    if (pass->well) return true;
    fill_nan(nll, (size_t)shape_rows(&pass->io.shape));
    fill_nan(pass->applied[pass->decoder->plan.count - 1].in, shape_floats(&pass->io.shape));
    if (dz) fill_nan(dz, (size_t)pass->io.shape.sequences * (size_t)c->latents * (size_t)c->dim);
    return false;
}

static void forward(struct decoder_pass *pass, const float *z, const float *weights, float *nll,
                    bool gradient_follows) {
    pass->io.z = z;
    pass->io.weights = weights;
    pass->io.nll = nll;
    pass->io.gradient_follows = gradient_follows;
    forward_below(pass);
    if (pass->below < pass->decoder->plan.core.end) begin_loops(pass);
    for (int a = pass->below; a < pass->decoder->plan.count;) a = advance(pass, a, a == pass->below);
}

bool decoder_start(const struct decoder_pass *pass, float *mu, float *logvar) {
    const struct ltm_model_config *c = &pass->decoder->plan.config;
    const size_t n = (size_t)pass->io.shape.sequences * (size_t)c->latents * (size_t)c->dim;
    if (!pass->io.start_mu || !pass->well) return false;
    memcpy(mu, pass->io.start_mu, n * sizeof *mu);
    memcpy(logvar, pass->io.start_logvar, n * sizeof *logvar);
    return true;
}

void decoder_score(struct decoder_pass *pass, const float *z, float *nll) {
    if (is_well(pass, nll, NULL)) forward(pass, z, NULL, nll, false);
}

const float *decoder_output(const struct decoder_pass *pass) { return pass->applied[pass->decoder->plan.count - 1].in; }

const int *decoder_depths(const struct decoder_pass *pass) { return pass->exits.each.loops; }

/* ---- Backward ---- */

/* What the backward pass comes to behind the a-th application. */
static int before(const struct decoder_pass *pass, int a) {
    return a == core_stop(pass) ? pass->decoder->plan.core.begin - 1 : a - 1;
}

static void back(struct decoder_pass *pass, int a, float *dw) {
    const struct stage_kind *kind = pass->decoder->plan.applications[a].kind;
    if (passed_over(pass, a)) return;
    const struct stage_weights w = hand_to(pass, a);
    kind->backward(&pass->io, &w, pass->applied[a].state, dw);
    if (!kind->spoils_state || a >= pass->ready) return;
    pass->ready = a;
    pass->begun = false;
}

/* The lowest application that has a gradient and reads z: what is below has no say. */
static int lowest_reader(const struct decoder_pass *pass) {
    const struct plan *plan = &pass->decoder->plan;
    const int stop = core_stop(pass);
    int a = pass->below < pass->from || stop == pass->from ? pass->below : stop;
    while (a < plan->count - 1 && !plan->applications[a].kind->reads_latents) a++;
    return a;
}

void decoder_latent_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll, float *dz) {
    if (!is_well(pass, nll, dz)) return;
    forward(pass, z, weights, nll, true);
    pass->io.dz = dz;
    pass->io.dfirst = pass->io.dentry = pass->io.dvalues = NULL;
    const int end = lowest_reader(pass);
    for (int a = pass->decoder->plan.count - 1; a >= end; a = before(pass, a)) {
        pass->io.needs_dh = a > end;
        back(pass, a, NULL);
    }
}

/* Of blocks from … to - 1: zero, or NaN where there is nothing to compute with. */
static void begin_gradients(struct decoder_pass *pass, int from, int to, const struct gradient_taker *taker) {
    for (int b = to - 1; b >= from; b--) {
        const size_t size = block_size(&pass->decoder->plan.table.blocks[b]);
        if (taker->wait) taker->wait(taker->user, pass->gradient[b]);
        if (pass->well)
            memset(pass->gradient[b], 0, sizeof(float) * size);
        else
            fill_nan(pass->gradient[b], size);
    }
}

static void give_gradients(struct decoder_pass *pass, int from, int to, const struct gradient_taker *taker) {
    for (int b = to - 1; b >= from; b--) taker->take(taker->user, b, pass->gradient[b]);
}

void decoder_give_weight_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll,
                                  const struct start_gradient *start, const struct gradient_taker *taker) {
    const struct plan *plan = &pass->decoder->plan;
    const struct plan_core *core = &plan->core;
    const bool well = is_well(pass, nll, NULL);
    if (well) forward(pass, z, weights, nll, true);
    pass->io.start = start;
    pass->io.dz = start && start->dz_scaled ? start->dz : NULL;
    pass->io.dfirst = pass->dfirst;
    pass->io.dentry = pass->dentry;
    pass->io.dvalues = pass->dvalues;
    pass->io.needs_dh = true;
    if (pass->dfirst) memset(pass->dfirst, 0, sizeof(float) * shape_floats(&pass->io.shape));
    if (pass->dentry) memset(pass->dentry, 0, sizeof(float) * shape_floats(&pass->io.shape));
    if (pass->dvalues) memset(pass->dvalues, 0, sizeof(float) * value_floats(&pass->io.shape));
    const int stop = core_stop(pass);
    for (int a = plan->count - 1; a >= 0; a = before(pass, a)) {
        const int block = plan->applications[a].block;
        const bool looped = in_loops(plan, block);
        const int from = looped ? core->block_begin : block;
        const int to = looped ? core->block_end : block + 1;
        if (looped ? a == core->end - 1 : pass->applied[a].last) begin_gradients(pass, from, to, taker);
        if (well) back(pass, a, pass->gradient[block]);
        if (a == stop && stop != pass->from) memset(pass->io.dh, 0, sizeof(float) * shape_floats(&pass->io.shape));
        if (a == stop && pass->dentry) vector_add(pass->io.dh, pass->dentry, shape_floats(&pass->io.shape));
        if (looped ? a == stop : pass->applied[a].first) give_gradients(pass, from, to, taker);
    }
}

struct gradient_array {
    const struct weight_table *table;
    float *array;
};

static void add_to_array(void *user, int block, const float *gradient) {
    const struct gradient_array *to = user;
    const struct weight_block *b = &to->table->blocks[block];
    vector_add(to->array + b->begin, gradient, block_size(b));
}

void decoder_weight_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll,
                             float *gradient) {
    struct gradient_array array = {&pass->decoder->plan.table, gradient};
    const struct gradient_taker taker = {.user = &array, .take = add_to_array};
    decoder_give_weight_gradient(pass, z, weights, nll, NULL, &taker);
}
