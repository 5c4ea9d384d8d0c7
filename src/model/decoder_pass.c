/* A group's forward and backward passes: walks over the plan. Its workspace: pass_workspace.c. */
#include "model/decoder_pass.h"

#include <math.h>
#include <string.h>

#include "math/vector.h"
#include "stages/model_shape.h"

const struct decoder *decoder_pass_decoder(const struct decoder_pass *pass) { return pass->decoder; }

ltm_status decoder_prepare(struct decoder_pass *pass, int sequences, int length, struct ltm_error *error) {
    const struct plan *plan = &pass->decoder->plan;
    ltm_status status = LTM_OK;
    pass->io.shape = (struct stage_shape){.config = &plan->config, .sequences = sequences, .length = length};
    if (pass->prepared_sequences == sequences && pass->prepared_length == length) return LTM_OK;
    pass->prepared_sequences = 0;
    for (int a = 0; a < plan->count; a++) {
        struct stage_weights w = decoder_stage_weights(pass->decoder, a);
        const struct stage_kind *kind = plan->applications[a].kind;
        if (pass->products) w.products = pass->products + plan->applications[a].product;
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

void decoder_aim(struct decoder_pass *pass, const struct latent_aim *aim) { pass->io.aim = aim; }

void decoder_rest_memory(struct decoder_pass *pass, bool rests) { pass->io.memory_rests = rests; }

/* A document begins with the end of the one before, of which alone its first word's score knows. `before`: of the chunk before, or 0. */
static void find_documents(struct decoder_pass *pass, int before) {
    const int length = pass->io.shape.length;
    int32_t start = 0;
    for (int i = 0; pass->starts && i < shape_rows(&pass->io.shape); i++) {
        if (i % length == 0) start = before ? pass->starts[(i / length + 1) * before - 1] - before : 0;
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
                                                               .fast = (uint32_t)(a + plan->count * pass->chunk)});
}

/* Behind `before` tokens of the chunk before, and `position` in all. */
static void begin(struct decoder_pass *pass, const int32_t *tokens, const int32_t *targets, int sequences, int length,
                  int before, int position) {
    struct ltm_error error = {0};
    pass->io.tokens = tokens;
    pass->io.targets = targets;
    pass->io.gradient_follows = false;
    pass->ready = 0;
    pass->begun = false;
    decoder_pass_loops(pass, 0);
    pass->well = decoder_prepare(pass, sequences, length, &error) == LTM_OK;
    pass->io.shape.position = position;
    pass->io.rope = pass->decoder->rope + (size_t)position * (size_t)model_head_dim(&pass->decoder->plan.config);
    pass->chunk = position ? pass->chunk + 1 : 0;
    if (pass->well) {
        find_documents(pass, before);
        draw_kept(pass);
        forward_below(pass);
    } else if (pass->failed.code == LTM_OK)
        pass->failed = error;
}

void decoder_begin(struct decoder_pass *pass, const int32_t *tokens, const int32_t *targets, int sequences,
                   int length) {
    begin(pass, tokens, targets, sequences, length, 0, 0);
}

void decoder_begin_at(struct decoder_pass *pass, const int32_t *tokens, const int32_t *targets, int sequences,
                      int length, int position) {
    begin(pass, tokens, targets, sequences, length, 0, position);
}

void decoder_continue(struct decoder_pass *pass, const int32_t *tokens, const int32_t *targets, int length) {
    const struct plan *plan = &pass->decoder->plan;
    const struct stage_shape done = pass->io.shape;
    for (int a = 0; a < plan->count; a++) {
        const struct stage_weights w = decoder_stage_weights(pass->decoder, a);
        const struct stage_kind *kind = plan->applications[a].kind;
        if (kind->carry) kind->carry(&pass->io, &w, pass->applied[a].state);
    }
    begin(pass, tokens, targets, done.sequences, length, done.length, done.position + done.length);
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
    if (nll) fill_nan(nll, (size_t)shape_rows(&pass->io.shape));
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
    if (decoder_pass_shares(pass, pass->below)) pass->begun = false; /* what it began is written over by others */
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

/* What the a-th application has put off of weights' gradients. */
static void catch_up(const struct decoder_pass *pass, int a) {
    const struct application *at = &pass->decoder->plan.applications[a];
    for (int i = at->product; i < at->product + at->products; i++) linear_catch_up(&pass->products[i]);
}

/* The gradient of a chunk, or of a whole sequence with that of where its fit starts. */
static void weight_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll,
                            const struct start_gradient *start, float *dz, const struct gradient_taker *taker,
                            bool last) {
    const struct plan *plan = &pass->decoder->plan;
    const struct plan_core *core = &plan->core;
    const bool first = pass->io.shape.position == 0;
    const bool well = is_well(pass, nll, start ? NULL : dz);
    if (well) forward(pass, z, weights, nll, true);
    pass->io.start = start;
    pass->io.dz = dz;
    pass->io.dfirst = pass->dfirst;
    pass->io.dentry = pass->dentry;
    pass->io.dvalues = pass->dvalues;
    pass->io.needs_dh = true;
    if (pass->dfirst) memset(pass->dfirst, 0, sizeof(float) * shape_floats(&pass->io.shape));
    if (pass->dentry) memset(pass->dentry, 0, sizeof(float) * shape_floats(&pass->io.shape));
    if (pass->dvalues) memset(pass->dvalues, 0, sizeof(float) * decoder_pass_values(&pass->io.shape));
    const int stop = core_stop(pass);
    for (int a = plan->count - 1; a >= 0; a = before(pass, a)) {
        const int block = plan->applications[a].block;
        const bool looped = plan_in_loops(plan, block);
        const int from = looped ? core->block_begin : block;
        const int to = looped ? core->block_end : block + 1;
        if (first && (looped ? a == core->end - 1 : pass->applied[a].last)) begin_gradients(pass, from, to, taker);
        if (well) back(pass, a, pass->gradient[block]);
        if (last && pass->products) catch_up(pass, a);
        if (a == stop && stop != pass->from) memset(pass->io.dh, 0, sizeof(float) * shape_floats(&pass->io.shape));
        if (a == stop && pass->dentry) vector_add(pass->io.dh, pass->dentry, shape_floats(&pass->io.shape));
        if (last && (looped ? a == stop : pass->applied[a].first)) give_gradients(pass, from, to, taker);
    }
}

void decoder_chunk_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll, float *dz,
                            const struct gradient_taker *taker, bool last) {
    weight_gradient(pass, z, weights, nll, NULL, dz, taker, last);
}

void decoder_give_weight_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll,
                                  const struct start_gradient *start, const struct gradient_taker *taker) {
    weight_gradient(pass, z, weights, nll, start, start && start->dz_scaled ? start->dz : NULL, taker, true);
    pass->io.aim = NULL;
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
