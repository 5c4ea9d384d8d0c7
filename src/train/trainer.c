#include "train/trainer.h"

#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/memory.h"
#include "base/processes.h"
#include "base/progress.h"
#include "config/chunks.h"
#include "ltm/model.h"
#include "ltm/train.h"
#include "stages/model_shape.h"
#include "train/depth.h"
#include "train/exchange.h"
#include "train/group_gradient.h"
#include "train/nonfinite.h"
#include "train/objective.h"
#include "train/preferences.h"
#include "train/schedule.h"
#include "train/solver_batch.h"
#include "train/stored_posteriors.h"

/* Of a forward pass of so many loops, at most `most` of them where that is not 0. */
static double forward_flops(struct ltm_model_config model, int loops, int most) {
    model.loops = most && most < loops ? most : loops;
    return ltm_forward_flops(&model);
}

/* Of what begins a loop. */
static double injection_flops(struct ltm_model_config model) {
    const double with = forward_flops(model, 2, 0);
    model.inject = LTM_INJECT_NONE;
    return with - forward_flops(model, 2, 0);
}

/* Less than whole passes: loops that no gradient goes through, and those that the fit leaves out. */
double trainer_flops(const struct ltm_config *config, const struct growth *now) {
    const struct optimiser_kind *optimiser = optimiser_kind_of(&config->slow);
    struct ltm_model_config model = config->model;
    model.window = now->window;
    const struct plan plan = plan_counted(&model);
    if (now->plain) model.latents = 0;
    const double update = optimiser->flops ? optimiser->flops(&plan.table) : 0;
    if (model.kind == LTM_MODEL_SOLVER) { /* only the last cycle has a gradient */
        model.cycles = 1;
        const double back = 2 * ltm_forward_flops(&model);
        model.inner = 0; /* the fit of latents runs f once */
        const double fit = model.latents ? (2.0 * config->fast.steps + 3) * ltm_forward_flops(&model) : 0;
        return plan.flops + back + fit + update / ((double)now->batch * model.sequence);
    }
    const int loops = now->loops;
    const int fit = config->fast.loops && config->fast.loops < loops ? config->fast.loops : loops;
    const double forward = forward_flops(model, loops, 0);
    const bool truncated = model.backprop && model.backprop < loops; /* then the gradient ends in an injection */
    const double back = forward_flops(model, loops, model.backprop) + (truncated ? injection_flops(model) : 0);
    const double steps =
        model.latents && !model_streams(&model) ? config->fast.steps * fast_part_share(&model, &config->fast) : 0;
    const double saved = 2.0 * config->slow.samples * (forward - back);
    const double saved_by_fit =
        2.0 * forward - forward_flops(model, fit, 0) - forward_flops(model, fit, model.backprop);
    return forward * (objective_of(config)->passes * config->slow.samples + 2.0 * steps) +
           config->slow.samples * (3.0 * model_ahead_flops(&model) + teacher_flops(&model, forward)) - saved -
           steps * saved_by_fit + update / ((double)now->batch * model.sequence);
}

double ltm_training_flops(const struct ltm_config *config) {
    struct growth g = growth_at(config, 0);
    double work = 0;
    if (!growth_is_on(config)) {
        g.loops = depth_mean(config, g.loops);
        return trainer_flops(config, &g);
    }
    for (struct growth from = g; growth_stretch(config, &g) > 0; from = g) {
        from.loops = depth_mean(config, from.loops);
        work += trainer_flops(config, &from) * (double)(g.sequences - from.sequences);
    }
    return work / (double)g.sequences;
}

/* Of process 0, which has no fewer groups than another. */
static int trainer_threads(const struct ltm_config *config, int processes) {
    const int groups = gradient_groups(config, processes, 0);
    return config->run.threads < groups ? config->run.threads : groups;
}

/* The program itself and what its libraries take, measured: OpenBLAS's buffers, the pages of code that run. */
enum { PROGRAM_BYTES = 20000000 };

/* With other processes a block's gradient is still read while the next one is made. */
static int gradients_among(int processes) { return processes > 1 ? 2 : 1; }

int trainer_gradients(void) { return gradients_among(processes_count()); }

static ltm_status create_shards(struct optimiser_shards *shards, const struct ltm_config *config,
                                const struct weight_table *table, int processes, int rank, struct ltm_error *error) {
    return optimiser_shards_create(shards, table, optimiser_kind_of(&config->slow)->whole_matrices, processes, rank,
                                   error);
}

size_t trainer_passes_bytes(const struct ltm_config *config, const struct plan *plan, int threads, int processes) {
    if (config->model.kind == LTM_MODEL_SOLVER)
        return (size_t)threads * solver_pass_bytes(plan, &config->fast, config->slow.group, true);
    return workers_bytes(plan, &config->fast, threads, config->slow.group, config->model.sequence,
                         gradients_among(processes), config->run.precision == LTM_PRECISION_BF16);
}

ltm_status trainer_bytes_among(size_t *bytes, const struct ltm_config *config, const struct plan *plan, int processes,
                               int rank, struct ltm_error *error) {
    const bool in_bf16 = config->run.precision == LTM_PRECISION_BF16;
    const size_t weights = plan->table.size;
    struct optimiser_shards shards;
    PASS_UP(create_shards(&shards, config, &plan->table, processes, rank, error));
    *bytes = PROGRAM_BYTES + weights * sizeof(float) +
             optimiser_bytes(&config->slow, &plan->table, &shards, config->run.threads) +
             gradient_sum_bytes(config, &shards, weights) +
             teacher_bytes(config, plan, trainer_threads(config, processes)) +
             (in_bf16 ? decoder_packed_bytes(plan) : 0) +
             trainer_passes_bytes(config, plan, trainer_threads(config, processes), processes);
    if (config->model.kind == LTM_MODEL_SOLVER) *bytes += solver_batch_bytes(config);
    optimiser_shards_free(&shards);
    return LTM_OK;
}

ltm_status trainer_bytes(size_t *bytes, const struct ltm_config *config, const struct plan *plan,
                         struct ltm_error *error) {
    return trainer_bytes_among(bytes, config, plan, processes_count(), processes_rank(), error);
}

/* What works on groups of the source's sequences, or of puzzles. */
static ltm_status create_workers(struct trainer *trainer, struct decoder *decoder, const struct puzzles *puzzles,
                                 int threads, struct ltm_error *error) {
    const struct ltm_config *config = &trainer->config;
    if (puzzles) {
        trainer->workers = (struct workers){.threads = threads, .group = config->slow.group};
        PASS_UP(solver_batch_create(&trainer->solver, config, decoder, puzzles, threads, error));
        trainer->optimiser.solver = trainer->solver;
        return LTM_OK;
    }
    PASS_UP(workers_create(&trainer->workers, decoder, &config->fast, threads, config->slow.group,
                           config->model.sequence, trainer_gradients(), error));
    PASS_UP(teacher_create(&trainer->teacher, trainer, error));
    PASS_UP(stored_posteriors_create(&trainer->posteriors, config, trainer->source, error));
    trainer->optimiser.posteriors = trainer->posteriors;
    return config->slow.batch % config->slow.group
               ? workers_prepare(&trainer->workers, config->slow.batch % config->slow.group, error)
               : LTM_OK;
}

static ltm_status create(struct trainer *trainer, const struct ltm_config *config, struct decoder *decoder,
                         const struct sequence_source *source, const struct puzzles *puzzles, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const size_t batch = (size_t)config->slow.batch;
    *trainer =
        (struct trainer){.config = *config, .decoder = decoder, .source = source, .steps = ltm_training_steps(config)};
    if (processes_count() > 1 && omp_get_thread_limit() < 2)
        return fail(error, LTM_INVALID, "OMP_THREAD_LIMIT leaves no thread for transfers to other processes; raise it");
    plan_run(&decoder->plan, model_loops(&config->model));
    TRY(NEW_ARRAY(trainer->scores, batch, "a batch", error));
    TRY(NEW_ARRAY(trainer->shares, batch * (size_t)config->slow.samples, "a batch", error));
    const int threads = trainer_threads(config, processes_count());
    TRY(create_shards(&trainer->state, config, &decoder->plan.table, processes_count(), processes_rank(), error));
    TRY(NEW_ARRAY(trainer->squares, trainer->state.grains, "gradients", error));
    TRY(NEW_ARRAY(trainer->slices, 2 * (size_t)trainer->state.processes, "processes", error));
    TRY(optimiser_create(&trainer->optimiser, &config->slow, &decoder->plan.table, &trainer->state, config->run.threads,
                         error));
    TRY(gradient_sum_create(&trainer->gradient, config, decoder, &trainer->state, threads, error));
    TRY(create_workers(trainer, decoder, puzzles, threads, error));
    return LTM_OK;
cleanup:
    trainer_free(trainer);
    return status;
}

ltm_status trainer_create(struct trainer *trainer, const struct ltm_config *config, struct decoder *decoder,
                          const struct sequence_source *source, struct ltm_error *error) {
    return create(trainer, config, decoder, source, NULL, error);
}

ltm_status trainer_create_solver(struct trainer *trainer, const struct ltm_config *config, struct decoder *decoder,
                                 const struct puzzles *puzzles, struct ltm_error *error) {
    return create(trainer, config, decoder, NULL, puzzles, error);
}

void trainer_free(struct trainer *trainer) {
    stored_posteriors_free(trainer->posteriors);
    solver_batch_free(trainer->solver);
    teacher_free(trainer->teacher);
    workers_free(&trainer->workers);
    gradient_sum_free(&trainer->gradient);
    optimiser_shards_free(&trainer->state);
    free(trainer->squares);
    free(trainer->slices);
    free(trainer->scores);
    free(trainer->shares);
    optimiser_free(&trainer->optimiser);
    *trainer = (struct trainer){0};
}

/* A draw's gradient on its way into the sum. */
static struct gradient_taker sum_taker(void *user, int draw) {
    struct gradient_ticket *ticket = user;
    ticket->draw = draw;
    return gradient_sum_taker(ticket);
}

/* This process's i-th group, by thread `me`. */
static void train_group(struct trainer *trainer, int me, int i) {
    const int batch = trainer->now.batch;
    const int most = trainer->workers.group;
    const int first = gradient_group(&trainer->gradient, i) * most;
    const int count = batch - first < most ? batch - first : most;
    struct gradient_ticket ticket = {&trainer->gradient, i, 0};
    if (trainer->solver) {
        const struct gradient_taker taker = gradient_sum_taker(&ticket);
        solver_batch_gradient(trainer->solver, me, first, count, &taker);
        return;
    }
    const struct group group = {trainer, &trainer->workers.each[me], first, count};
    group_gradient(&group, &(struct draw_takers){&ticket, sum_taker});
}

/* Other processes would wait for what this one does not send. */
static bool is_stopped(const struct trainer *trainer) {
    return trainer->stop && __atomic_load_n(trainer->stop, __ATOMIC_RELAXED) && processes_count() == 1;
}

/* All groups of the batch that are this process's, handed out in increasing order as sums ask. Ids are checked beforehand: a
 * group that gave up would leave the others waiting for its turn. With other processes the first thread makes the transfers. */
static ltm_status train_batch(struct trainer *trainer, struct ltm_error *error) {
    struct gradient_sum *gradient = &trainer->gradient;
    const int64_t first = trainer->now.sequences;
    const int batch = trainer->now.batch;
    const int transfers = gradient->exchange ? 1 : 0;
    ltm_status status = LTM_OK;
    atomic_int next = 0;
    struct progress pace = progress_begin(trainer->watch, "slow step", gradient->here);
    memset(trainer->scores, 0, (size_t)batch * sizeof *trainer->scores);
    if (trainer->solver) {
        trainer->batch_weight = batch; /* a loss is a mean over cells already */
        solver_batch_begin(trainer->solver,
                           (float)group_kl_weight(&trainer->config.slow, (double)trainer->optimiser.count));
    } else
        TRY(workers_weigh(&trainer->batch_weight, &trainer->workers, trainer->source, first, batch, error));
    if (!(trainer->batch_weight > 0))
        return fail(error, LTM_INVALID, "no token of the %d sequences from sequence %lld on has a weight in the loss",
                    batch, (long long)first);
    trainer->loss_units = objective_of(&trainer->config)->of_pairs ? 0.5 * batch : trainer->batch_weight;
    gradient_sum_begin(gradient, &trainer->config, batch);
#pragma omp parallel num_threads(trainer->workers.threads + transfers)
    {
        const int me = omp_get_thread_num() - transfers;
        if (me < 0) status = exchange_run(gradient->exchange, error);
        for (int i; me >= 0 && !is_stopped(trainer) && (i = atomic_fetch_add(&next, 1)) < gradient->here;) {
            train_group(trainer, me, i);
            if (me == 0) progress_at(&pace, i + 1);
        }
    }
    if (next < gradient->here) {
        memset(gradient->total, 0, trainer->state.own * sizeof *gradient->total);
        return fail(error, LTM_INTERRUPTED, "stopped within a slow step");
    }
cleanup:
    return status;
}

/* Every process steps its share of the weights and gets those of the others. */
static ltm_status share_weights(struct trainer *trainer, struct ltm_error *error) {
    const struct optimiser_shards *shards = &trainer->state;
    const size_t n = (size_t)shards->processes;
    size_t *begin = trainer->slices;
    size_t *end = begin + n;
    for (int p = 0; n > 1 && p < shards->count; p++) {
        const size_t from = shards->pieces[p].all.begin;
        for (size_t r = 0; r < n; r++) {
            const struct range slice = optimiser_shards_slice(shards, p, (int)r);
            begin[r] = slice.begin - from;
            end[r] = slice.end - from;
        }
        PASS_UP(processes_share(trainer->decoder->weights + from, begin, end, error));
    }
    return processes_share_end(error);
}

static double clip_scale(const struct ltm_slow_config *slow, double norm) {
    return slow->clip > 0 && norm > slow->clip ? slow->clip / norm : 1;
}

/* An optimiser squares the clipped gradient in fp32. From an infinite square a weight's second moment would never come back, and the weight
 * never move again. With finite squares, moments and weights that were finite before a step are so behind it: only this needs
 * to be looked at. */
static bool can_be_squared(const struct ltm_slow_config *slow, double norm) {
    return isfinite(norm) && norm * clip_scale(slow, norm) < 1e18;
}

static ltm_status gradient_of_now(struct trainer *trainer, struct slow_step *done, struct ltm_error *error) {
    const struct ltm_config *c = &trainer->config;
    const struct growth *now = &trainer->now;
    PASS_UP(train_batch(trainer, error));
    const double tokens = trainer->batch_weight;
    gradient_squares(trainer->squares, trainer->gradient.total, &trainer->state, c->run.threads);
    PASS_UP(processes_merge(trainer->squares, trainer->state.grains * sizeof *trainer->squares, error));
    PASS_UP(processes_merge(trainer->scores, (size_t)now->batch * sizeof *trainer->scores, error));
    if (trainer->solver) PASS_UP(solver_batch_merge(trainer->solver, trainer->scores, error));
    *done = (struct slow_step){
        .lr = slow_rate(&c->slow, (double)now->sequences / c->slow.batch, growth_position(c, trainer->steps))};
    for (int i = 0; i < now->batch; i++) {
        done->recon += trainer->scores[i].recon / tokens;
        done->kl += trainer->scores[i].kl / tokens;
        done->loss += objective_of(c)->loss(&trainer->scores[i]) / trainer->loss_units;
        /* Where no loss is finite no fit could be had. */
        done->diverged += trainer->scores[i].diverged && isfinite(trainer->scores[i].recon);
    }
    if (trainer->solver) done->loss = done->recon + done->kl;
    if (trainer->teacher) PASS_UP(teacher_score(&done->predicted, trainer->teacher, now->batch, error));
    if (objective_of(c)->of_pairs) done->preferences = preferences_mean(trainer->scores, now->batch);
    done->grad_norm = gradient_norm(trainer->squares, &trainer->state);
    if (isfinite(done->recon + done->kl + done->loss) && can_be_squared(&c->slow, done->grad_norm)) return LTM_OK;
    PASS_UP(nonfinite_find(trainer, &done->fault, error));
    memset(trainer->gradient.total, 0, trainer->state.own * sizeof *trainer->gradient.total);
    return LTM_OK;
}

ltm_status trainer_gradient(struct trainer *trainer, struct slow_step *done, struct ltm_error *error) {
    const struct ltm_config *c = &trainer->config;
    struct plan *plan = &trainer->decoder->plan;
    trainer->now = growth_at(c, trainer->optimiser.count);
    trainer->now.loops = depth_at(c, trainer->now.loops, trainer->optimiser.count);
    plan->config.window = trainer->now.window;
    plan->plain = trainer->now.plain;
    if (trainer->posteriors) stored_posteriors_begin(trainer->posteriors);
    plan_run(plan, trainer->now.loops);
    if (trainer->teacher) teacher_begin(trainer->teacher, trainer);
    const ltm_status status = gradient_of_now(trainer, done, error);
    plan->config.window = c->model.window;
    plan->plain = false;
    plan_run(plan, model_loops(&c->model));
    return status;
}

ltm_status trainer_step(struct trainer *trainer, struct slow_step *done, struct ltm_error *error) {
    const struct ltm_slow_config *c = &trainer->config.slow;
    const int threads = trainer->config.run.threads;
    ltm_status status = trainer_gradient(trainer, done, error);
    if (status != LTM_OK || done->fault.kind) return status;
    optimiser_update(&trainer->optimiser, trainer->decoder->weights, trainer->gradient.total,
                     &trainer->decoder->plan.table, c, done->lr, clip_scale(c, done->grad_norm), threads);
    status = share_weights(trainer, error);
    if (status == LTM_OK && trainer->posteriors && !trainer->now.plain)
        status = stored_posteriors_take(trainer->posteriors, trainer->source, trainer->now.sequences,
                                        trainer->now.batch, error);
    if (status == LTM_OK && trainer->solver) solver_batch_advance(trainer->solver);
    if (status == LTM_OK && trainer->optimiser.average)
        optimiser_average(&trainer->optimiser, trainer->decoder->weights, trainer->decoder->plan.table.size, c,
                          threads);
    return status == LTM_OK ? trainer_pack(trainer, error) : status;
}

ltm_status trainer_pack(const struct trainer *trainer, struct ltm_error *error) {
    const int threads = trainer->config.run.threads;
    PASS_UP(decoder_pack(trainer->decoder, threads, error));
    return trainer->teacher ? decoder_pack(trainer->teacher->decoder, threads, error) : LTM_OK;
}

void trainer_skip(struct trainer *trainer) {
    trainer->optimiser.count++;
    trainer->optimiser.skipped++;
    if (trainer->solver) solver_batch_skip(trainer->solver);
}
