#include "solver/solver_pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/vector.h"

/* Of a stable step. */
#define KEPT 0.05f
#define NOISE 0.01f

struct solver_pass {
    const struct decoder *decoder;
    void *block; /* all buffers below */
    struct stage_io io;
    char **states; /* [plan.count] */
    float **
        flow; /* [(n + 1), stages of f + 1]: what each stage of each application of f reads, and what the last leaves */
    struct solver_fit fit;  /* where the model has latents */
    float *x, *y, *z;       /* (R, d): of the step under way */
    float *dx, *dto;        /* (R, d) */
    float *before;          /* (R, d): the state that the last inner step began with */
    float *noise;           /* (T, d) */
    uint32_t applied;       /* times that f was in this step */
    float *gradient;        /* (P); NULL without gradients */
    int prepared;           /* puzzles that products are ready for */
    struct bf16_work *work; /* NULL in fp32 */
};

static int steps_of(const struct plan *plan) { return plan->config.inner + 1; }
static int stages_of(const struct plan *plan) { return (plan->core.end - plan->core.begin) / steps_of(plan); }

/* The most that a stage takes while it runs. */
static size_t scratch_bytes(const struct plan *plan, const struct stage_shape *shape) {
    size_t most = 0;
    for (int a = 0; a < plan->count; a++) {
        union stage_unused unused;
        struct arena kept = {0};
        struct arena scratch = {0};
        if (plan->applications[a].kind->lay_out) plan->applications[a].kind->lay_out(&unused, &kept, &scratch, shape);
        if (scratch.used > most) most = scratch.used;
    }
    return most;
}

/* Cut every buffer from the arena; with arena->base NULL only its size is learnt. */
static void lay_out(struct solver_pass *pass, const struct plan *plan, struct arena *arena,
                    const struct stage_shape *shape, bool gradients) {
    const int buffers = steps_of(plan) * (stages_of(plan) + 1);
    char *shared = ARENA_TAKE(arena, char, scratch_bytes(plan, shape));
    pass->states = ARENA_TAKE(arena, char *, (size_t)plan->count);
    pass->flow = ARENA_TAKE(arena, float *, (size_t)buffers);
    for (int a = 0; a < plan->count; a++) {
        const struct stage_kind *kind = plan->applications[a].kind;
        union stage_unused unused;
        struct arena scratch = {.base = shared};
        char *state = ARENA_TAKE(arena, char, kind->state_size);
        if (kind->lay_out) kind->lay_out(arena->base ? state : unused.bytes, arena, &scratch, shape);
        if (arena->base) pass->states[a] = state;
    }
    for (int i = 0; i < buffers; i++) {
        float *buffer = ARENA_TAKE(arena, float, shape_floats(shape));
        if (arena->base) pass->flow[i] = buffer;
    }
    pass->x = ARENA_TAKE(arena, float, shape_floats(shape));
    pass->y = ARENA_TAKE(arena, float, shape_floats(shape));
    pass->z = ARENA_TAKE(arena, float, shape_floats(shape));
    pass->dx = ARENA_TAKE(arena, float, shape_floats(shape));
    pass->dto = ARENA_TAKE(arena, float, shape_floats(shape));
    pass->before = ARENA_TAKE(arena, float, shape_floats(shape));
    pass->noise = ARENA_TAKE(arena, float, (size_t)shape->length *(size_t)shape->config->dim);
    pass->io.dh = ARENA_TAKE(arena, float, shape_floats(shape));
    pass->gradient = gradients ? ARENA_TAKE(arena, float, plan->table.size) : NULL;
}

static struct stage_shape shape_of(const struct plan *plan, int puzzles) {
    return (struct stage_shape){.config = &plan->config, .sequences = puzzles, .length = plan->config.sequence};
}

static size_t block_bytes(const struct plan *plan, int puzzles, bool gradients) {
    const struct stage_shape shape = shape_of(plan, puzzles);
    struct solver_pass measured;
    struct arena arena = {0};
    lay_out(&measured, plan, &arena, &shape, gradients);
    return arena.used;
}

size_t solver_pass_bytes(const struct plan *plan, const struct ltm_fast_config *fast, int puzzles, bool gradients) {
    return block_bytes(plan, puzzles, gradients) + solver_fit_bytes(&plan->config, fast, puzzles);
}

ltm_status solver_pass_create(struct solver_pass **pass, const struct decoder *decoder,
                              const struct ltm_fast_config *fast, int puzzles, bool gradients,
                              struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const struct plan *plan = &decoder->plan;
    const struct stage_shape shape = shape_of(plan, puzzles);
    struct solver_pass *made = NULL;
    struct arena arena = {0};
    *pass = NULL;
    TRY(NEW_ARRAY(made, 1, "a workspace", error));
    made->decoder = decoder;
    TRY(memory_zeroed(&made->block, block_bytes(plan, puzzles, gradients), 1, "a thread's workspace", error));
    arena.base = made->block;
    lay_out(made, plan, &arena, &shape, gradients);
    made->io.rope = decoder->rope;
    if (plan->config.latents) TRY(solver_fit_create(&made->fit, decoder, fast, puzzles, error));
    if (decoder->in_bf16) TRY(bf16_work_create(&made->work, error));
    TRY(solver_pass_prepare(made, puzzles, error));
    *pass = made;
    return LTM_OK;
cleanup:
    solver_pass_free(made);
    return status;
}

void solver_pass_free(struct solver_pass *pass) {
    if (!pass) return;
    bf16_work_free(pass->work);
    solver_fit_free(&pass->fit);
    free(pass->block);
    free(pass);
}

ltm_status solver_pass_prepare(struct solver_pass *pass, int puzzles, struct ltm_error *error) {
    const struct plan *plan = &pass->decoder->plan;
    pass->io.shape = shape_of(plan, puzzles);
    if (pass->prepared == puzzles) return LTM_OK;
    pass->prepared = 0;
    for (int a = 0; a < plan->count; a++) {
        const struct stage_weights w = decoder_stage_weights(pass->decoder, a);
        const struct stage_kind *kind = plan->applications[a].kind;
        if (kind->prepare)
            PASS_UP(kind->prepare(pass->states[a], &w, &pass->io.shape, pass->work, pass->gradient != NULL, error));
    }
    pass->prepared = puzzles;
    return LTM_OK;
}

void solver_start(float *y, float *z, int d, uint64_t seed, int restart) {
    struct random_key key = {.seed = seed, .purpose = RANDOM_SOLVER_START, .step = (uint32_t)restart};
    random_normal(y, (size_t)d, key);
    key.sequence = 1;
    random_normal(z, (size_t)d, key);
}

/* ---- The network f ---- */

/* What the s-th stage of the k-th application of f reads, or the last leaves. */
static float *flow_at(const struct solver_pass *pass, int k, int s) {
    return pass->flow[k * (stages_of(&pass->decoder->plan) + 1) + s];
}

static int application_of(const struct plan *plan, int k, int s) { return plan->core.begin + k * stages_of(plan) + s; }

static struct stage_weights hand_to(struct solver_pass *pass, int k, int s) {
    const struct plan *plan = &pass->decoder->plan;
    pass->io.in = flow_at(pass, k, s);
    pass->io.out = flow_at(pass, k, s + 1);
    return decoder_stage_weights(pass->decoder, application_of(plan, k, s));
}

/* state = KEPT state + (1 - KEPT) f + NOISE ε */
static void settle(struct solver_pass *pass, float *state, const float *f, const struct noise_source *source) {
    const size_t n = (size_t)pass->io.shape.length * (size_t)pass->io.shape.config->dim;
    struct random_key key = source->key;
    key.purpose = RANDOM_SOLVER_NOISE;
    key.fast = pass->applied;
    for (int g = 0; g < pass->io.shape.sequences; g++, state += n, f += n) {
        key.sequence = source->sequences[g];
        random_normal(pass->noise, n, key);
        for (size_t i = 0; i < n; i++) state[i] = KEPT * state[i] + (1 - KEPT) * f[i] + NOISE * pass->noise[i];
    }
}

/* From what the k-th application of f reads to io.out, and io.dh the way back; dw, the gradient of all weights, +=, unless NULL. */
static void f_forward(struct solver_pass *pass, int k) {
    const struct plan *plan = &pass->decoder->plan;
    for (int s = 0; s < stages_of(plan); s++) {
        const struct stage_weights w = hand_to(pass, k, s);
        const int at = application_of(plan, k, s);
        plan->applications[at].kind->forward(&pass->io, &w, pass->states[at]);
    }
}

static void f_backward(struct solver_pass *pass, int k, float *dw) {
    const struct plan *plan = &pass->decoder->plan;
    for (int s = stages_of(plan) - 1; s >= 0; s--) {
        const struct stage_weights w = hand_to(pass, k, s);
        const int at = application_of(plan, k, s);
        plan->applications[at].kind->backward(&pass->io, &w, pass->states[at], dw ? dw + w.begin : NULL);
    }
}

/* state = f(state + b + c), by the k-th application; c may be NULL. */
static void apply(struct solver_pass *pass, const struct solver_group *group, int k, float *state, const float *b,
                  const float *c) {
    const struct plan *plan = &pass->decoder->plan;
    const size_t n = shape_floats(&pass->io.shape);
    float *in = flow_at(pass, k, 0);
    for (size_t i = 0; i < n; i++) in[i] = state[i] + b[i];
    if (c) vector_add(in, c, n);
    f_forward(pass, k);
    const float *f = flow_at(pass, k, stages_of(plan));
    if (plan->config.stable)
        settle(pass, state, f, &group->noise);
    else
        memcpy(state, f, n * sizeof *state);
    pass->applied++;
}

/* io.dh from behind the k-th application of f to the sum that it reads; dto = what goes past f, to the state itself. */
static void apply_backward(struct solver_pass *pass, int k) {
    const struct plan *plan = &pass->decoder->plan;
    const float kept = plan->config.stable ? KEPT : 0;
    const size_t n = shape_floats(&pass->io.shape);
    if (kept > 0) {
        memcpy(pass->dto, pass->io.dh, n * sizeof *pass->dto);
        vector_scale(pass->dto, kept, n);
        vector_scale(pass->io.dh, 1 - kept, n);
    }
    f_backward(pass, k, pass->gradient);
}

/* ---- What f reads of the puzzle ---- */

/* x, of the givens and the latents z, or with `givens` NULL of places and latents alone. */
static void read_puzzle(struct solver_pass *pass, const int32_t *givens, const float *z) {
    pass->io.tokens = givens;
    pass->io.z = z;
    pass->io.out = pass->x;
    for (int a = 0; a < pass->decoder->plan.core.begin; a++) {
        const struct stage_weights w = decoder_stage_weights(pass->decoder, a);
        pass->io.in = pass->x;
        pass->decoder->plan.applications[a].kind->forward(&pass->io, &w, pass->states[a]);
    }
}

/* Behind that: io.dh is the gradient of x; dz (G, N_z, d) =, unless NULL, and dw as above. */
static void read_backward(struct solver_pass *pass, float *dz, float *dw) {
    const struct ltm_model_config *c = &pass->decoder->plan.config;
    pass->io.dz = dz;
    if (dz) memset(dz, 0, (size_t)(pass->io.shape.sequences * c->latents) * (size_t)c->dim * sizeof *dz);
    for (int a = pass->decoder->plan.core.begin - 1; a >= 0; a--) {
        const struct stage_weights w = decoder_stage_weights(pass->decoder, a);
        if (a == 0 && !dw) return; /* nothing but weights lies there */
        pass->decoder->plan.applications[a].kind->backward(&pass->io, &w, pass->states[a], dw ? dw + w.begin : NULL);
    }
}

void solver_pass_givens(struct solver_pass *pass, const struct solver_group *group, const float *z,
                        const float *weights, float *nll, float *dz, float scale, float *dw) {
    const int head = pass->decoder->plan.count - 1;
    const struct stage_weights w = decoder_stage_weights(pass->decoder, head);
    read_puzzle(pass, NULL, z);
    memcpy(flow_at(pass, 0, 0), pass->x, shape_floats(&pass->io.shape) * sizeof *pass->x);
    f_forward(pass, 0);
    pass->io.in = flow_at(pass, 0, stages_of(&pass->decoder->plan));
    pass->io.targets = group->givens;
    solver_head_givens(&pass->io, &w, pass->states[head], weights, nll, scale, dw ? dw + w.begin : NULL);
    f_backward(pass, 0, dw);
    read_backward(pass, dz, dw);
}

struct fitting {
    struct solver_pass *pass;
    const struct solver_group *group;
};

static void take_gradient(void *user, int s, const float *z, const float *weights, float *nll, float *dz) {
    const struct fitting *f = user;
    (void)s;
    solver_pass_givens(f->pass, f->group, z, weights, nll, dz, 1, NULL);
}

void solver_pass_fit(struct solver_pass *pass, const struct solver_group *group) {
    struct fitting fitting = {pass, group};
    const struct latent_gradient gradient = {&fitting, take_gradient, pass->io.shape.length};
    if (pass->decoder->plan.config.latents == 0 || solver_pass_prepare(pass, group->count, NULL) != LTM_OK) return;
    solver_fit_run(&pass->fit, &gradient, group->givens, group->count, group->empty, group->kl_weight, group->noise);
    if (group->diverged)
        memcpy(group->diverged, pass->fit.loop.diverged, (size_t)group->count * sizeof *group->diverged);
}

/* How well the draw tells what is given of each puzzle, and the KL of its posterior, nats; dw as above. */
static void tell_givens(struct solver_pass *pass, const struct solver_group *group, float scale, float *dw) {
    struct fast_loop *loop = &pass->fit.loop;
    solver_pass_givens(pass, group, loop->z, pass->fit.given, loop->nll, NULL, scale, dw);
    for (int g = 0; group->given_nll && g < group->count; g++) {
        group->given_nll[g] = (float)fast_loop_nll(loop, g, 0, pass->io.shape.length);
        group->given_kl[g] = (float)fast_loop_kl(loop, g);
    }
}

void solver_pass_tell(struct solver_pass *pass, const struct solver_group *group) {
    if (pass->decoder->plan.config.latents && pass->prepared == group->count) tell_givens(pass, group, 1, NULL);
}

/* ---- A step ---- */

/* One cycle; where it is not the last its states are not kept. */
static void cycle(struct solver_pass *pass, const struct solver_group *group, bool last) {
    const int inner = pass->decoder->plan.config.inner;
    const size_t bytes = shape_floats(&pass->io.shape) * sizeof(float);
    for (int i = 0; i < inner; i++) {
        if (i == inner - 1) memcpy(pass->before, pass->z, bytes);
        apply(pass, group, last ? i : 0, pass->z, pass->y, pass->x);
    }
    if (!inner) memcpy(pass->before, pass->y, bytes);
    apply(pass, group, last ? inner : 0, pass->y, inner ? pass->z : pass->x, NULL);
}

/* How far the last inner step, or without any the step of y, moved each puzzle's state. */
static void take_residuals(const struct solver_pass *pass, float *residual) {
    const size_t n = (size_t)pass->io.shape.length * (size_t)pass->io.shape.config->dim;
    const float *before = pass->before;
    const float *after = pass->decoder->plan.config.inner ? pass->z : pass->y;
    for (int g = 0; g < pass->io.shape.sequences; g++, before += n, after += n) {
        double moved = 0;
        for (size_t i = 0; i < n; i++) moved += (double)(after[i] - before[i]) * (double)(after[i] - before[i]);
        residual[g] = (float)sqrt(moved / vector_sum_squares(before, n));
    }
}

static void heads(struct solver_pass *pass, const struct solver_group *group) {
    const int head = pass->decoder->plan.count - 1;
    const struct stage_weights w = decoder_stage_weights(pass->decoder, head);
    pass->io.in = pass->y;
    solver_head_forward(&pass->io, &w, pass->states[head], &group->answers);
}

void solver_pass_run(struct solver_pass *pass, const struct solver_group *group) {
    const struct plan *plan = &pass->decoder->plan;
    const bool well = solver_pass_prepare(pass, group->count, NULL) == LTM_OK;
    const size_t bytes = shape_floats(&pass->io.shape) * sizeof(float);
    for (int g = 0; g < group->count && !well; g++) {
        group->answers.nll[g] = group->answers.halting[g] = group->answers.halt[g] = NAN;
        group->answers.right[g] = 0;
    }
    if (!well) return;
    read_puzzle(pass, group->givens, pass->fit.loop.z);
    pass->io.targets = group->targets;
    memcpy(pass->y, group->y, bytes);
    memcpy(pass->z, group->z, bytes);
    pass->applied = 0;
    for (int t = 1; t <= plan->config.cycles; t++) cycle(pass, group, t == plan->config.cycles);
    if (group->residual) take_residuals(pass, group->residual);
    heads(pass, group);
    memcpy(group->next_y, pass->y, bytes);
    memcpy(group->next_z, pass->z, bytes);
}

/* From the heads down to the embedding. */
static void backward(struct solver_pass *pass, const struct solver_group *group, float scale) {
    const struct plan *plan = &pass->decoder->plan;
    const int inner = plan->config.inner;
    const size_t n = shape_floats(&pass->io.shape);
    const struct stage_weights head = decoder_stage_weights(pass->decoder, plan->count - 1);
    pass->io.in = pass->y;
    solver_head_backward(&pass->io, &head, pass->states[plan->count - 1], &group->answers, scale,
                         pass->gradient + head.begin);
    apply_backward(pass, inner);
    if (inner) memset(pass->dx, 0, n * sizeof *pass->dx);
    for (int k = inner - 1; k >= 0; k--) {
        apply_backward(pass, k);
        vector_add(pass->dx, pass->io.dh, n);
        if (plan->config.stable) vector_add(pass->io.dh, pass->dto, n);
    }
    if (inner) memcpy(pass->io.dh, pass->dx, n * sizeof *pass->dx);
    read_backward(pass, NULL, pass->gradient);
}

void solver_pass_gradient(struct solver_pass *pass, const struct solver_group *group, float scale,
                          const struct gradient_taker *taker) {
    const struct weight_table *table = &pass->decoder->plan.table;
    memset(pass->gradient, 0, table->size * sizeof *pass->gradient);
    solver_pass_fit(pass, group);
    if (pass->fit.config && pass->prepared == group->count)
        tell_givens(pass, group, scale / (float)pass->io.shape.length, pass->gradient);
    solver_pass_run(pass, group);
    if (pass->prepared == group->count) backward(pass, group, scale);
    for (int b = table->block_count - 1; b >= 0; b--) {
        const float *gradient = pass->gradient + table->blocks[b].begin;
        taker->take(taker->user, b, gradient);
        if (taker->wait) taker->wait(taker->user, gradient);
    }
}
