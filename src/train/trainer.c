#include "train/trainer.h"

#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/memory.h"
#include "base/processes.h"
#include "ltm/model.h"
#include "ltm/train.h"
#include "train/exchange.h"

int64_t trainer_steps(const struct ltm_config *config) {
    const int64_t a_step = (int64_t)config->slow.batch * config->model.sequence;
    return (config->run.tokens + a_step - 1) / a_step;
}

double ltm_training_flops(const struct ltm_config *config) {
    const int a_draw = config->slow.objective == LTM_OBJECTIVE_IWAE ? 4 : 3;
    return ltm_forward_flops(&config->model) *
           (a_draw * config->slow.samples + (config->model.latents ? 2.0 * config->fast.steps : 0));
}

/* Of process 0, which has no fewer groups than another. */
static int trainer_threads(const struct ltm_config *config) {
    const int groups = gradient_groups(config, processes_count(), 0);
    return config->run.threads < groups ? config->run.threads : groups;
}

/* The program itself and what its libraries take, measured: OpenBLAS's buffers, the pages of code that run. */
enum { PROGRAM_BYTES = 20000000 };

size_t trainer_bytes(const struct ltm_config *config, const struct decoder *decoder) {
    struct decoder shape = *decoder;
    struct shares shares;
    shape.overlap = processes_count() > 1;
    if (shares_create(&shares, &decoder->table, config->model.layers, processes_count(), processes_rank(), NULL) !=
        LTM_OK)
        return SIZE_MAX;
    const size_t bytes =
        PROGRAM_BYTES + (decoder->table.size + 2 * shares.own) * sizeof(float) +
        gradient_sum_bytes(config, &shares, decoder->table.size) + decoder_packed_bytes(decoder) +
        workers_bytes(&shape, trainer_threads(config), config->slow.group, config->model.sequence, true);
    shares_free(&shares);
    return bytes;
}

ltm_status trainer_create(struct trainer *trainer, const struct ltm_config *config, struct decoder *decoder,
                          const struct token_stream *stream, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const size_t batch = (size_t)config->slow.batch;
    *trainer =
        (struct trainer){.config = *config, .decoder = decoder, .stream = stream, .steps = trainer_steps(config)};
    decoder->overlap = processes_count() > 1;
    if (decoder->overlap && omp_get_thread_limit() < 2)
        return fail(error, LTM_INVALID, "OMP_THREAD_LIMIT leaves no thread for transfers to other processes; raise it");
    TRY(sequence_order_init(&trainer->order, token_stream_count(stream), config->model.sequence, config->run.seed,
                            error));
    TRY(NEW_ARRAY(trainer->scores, batch, "a batch", error));
    TRY(NEW_ARRAY(trainer->scales, batch, "a batch", error));
    if (config->slow.objective == LTM_OBJECTIVE_IWAE)
        TRY(NEW_ARRAY(trainer->shares, batch * (size_t)config->slow.samples, "a batch", error));
    TRY(NEW_ARRAY(trainer->starts, batch, "a batch", error));
    TRY(shares_create(&trainer->state, &decoder->table, config->model.layers, processes_count(), processes_rank(),
                      error));
    TRY(NEW_ARRAY(trainer->squares, trainer->state.grains, "gradients", error));
    TRY(NEW_ARRAY(trainer->slices, 2 * (size_t)trainer->state.processes, "processes", error));
    TRY(NEW_ARRAY(trainer->adam.first, trainer->state.own, "optimiser state", error));
    TRY(NEW_ARRAY(trainer->adam.second, trainer->state.own, "optimiser state", error));
    if (processes_count() > 1) TRY(NEW_ARRAY(trainer->adam.slice, PIECE, "optimiser state", error));
    trainer->adam.shares = &trainer->state;
    TRY(gradient_sum_create(&trainer->gradient, config, decoder, &trainer->state, trainer_threads(config), error));
    TRY(workers_create(&trainer->workers, decoder, trainer_threads(config), config->slow.group, config->model.sequence,
                       true, error));
    return LTM_OK;
cleanup:
    trainer_free(trainer);
    return status;
}

void trainer_free(struct trainer *trainer) {
    workers_free(&trainer->workers);
    gradient_sum_free(&trainer->gradient);
    shares_free(&trainer->state);
    free(trainer->squares);
    free(trainer->slices);
    free(trainer->scores);
    free(trainer->scales);
    free(trainer->shares);
    free(trainer->starts);
    free(trainer->adam.first);
    free(trainer->adam.second);
    free(trainer->adam.slice);
    *trainer = (struct trainer){0};
}

/* Weight of the KL in the fast loop of slow step `step` (from 0). */
static double kl_weight(const struct ltm_slow_config *slow, int64_t step) {
    if (step >= slow->kl_warmup) return 1;
    return slow->kl_start + (1 - slow->kl_start) * (double)step / slow->kl_warmup;
}

/* One group of the batch in a worker's hands. */
struct group {
    struct trainer *trainer;
    struct worker *w;
    int first, count; /* sequences of the batch */
};

/* z = μ + σ ε with noise that the fit has not seen. The published program keeps the fit's noise for the slow step too. */
static void draw(const struct group *group, int sample) {
    const struct ltm_config *c = &group->trainer->config;
    const uint32_t purpose = c->fast.noise == LTM_NOISE_FIXED ? RANDOM_FAST_NOISE : RANDOM_SLOW_NOISE;
    const uint32_t step = (uint32_t)group->trainer->adam.count;
    const struct noise_source source = {{c->run.seed, purpose, step, 0, 0}, group->w->numbers};
    struct fast_loop *loop = &group->w->loop;
    fast_loop_draw(loop, &source, group->count, sample);
    posterior_sample(loop->z, loop->mu, loop->logvar, loop->noise, (size_t)group->count * loop->latents);
}

/* -log p(x|z) of the group's sequence g, as last computed. */
static double nll_of(const struct group *group, int g) {
    const int T = group->trainer->config.model.sequence;
    double sum = 0;
    for (int t = 0; t < T; t++) sum += (double)group->w->loop.nll[(size_t)g * (size_t)T + (size_t)t];
    return sum;
}

/* The gradient of -log 1/S Σ_s w_s, w_s = p(x|z_s) p(z_s) / q(z_s), takes the share w_s / Σ w of that of -log p(x|z_s) (Burda
 * et al., 2016). */
static void weigh_draws(const struct group *group) {
    const int S = group->trainer->config.slow.samples;
    const struct fast_loop *loop = &group->w->loop;
    double *shares = group->trainer->shares + (size_t)group->first * (size_t)S;
    for (int s = 0; s < S; s++) {
        draw(group, s);
        decoder_score(group->w->pass, loop->z, loop->nll);
        for (int g = 0; g < group->count; g++) {
            const size_t at = (size_t)g * loop->latents;
            shares[g * S + s] = posterior_log_ratio(loop->z + at, loop->logvar + at, loop->noise + at, loop->latents) -
                                nll_of(group, g);
        }
    }
    for (int g = 0; g < group->count; g++) {
        double *share = shares + (size_t)g * (size_t)S, most = share[0], sum = 0;
        for (int s = 1; s < S; s++) most = fmax(most, share[s]);
        for (int s = 0; s < S; s++) sum += share[s] = exp(share[s] - most);
        for (int s = 0; s < S; s++) share[s] /= sum;
        group->trainer->scores[group->first + g].iwae = -most - log(sum / S);
    }
}

/* Fit the group's posteriors, draw z anew, and add the gradient of the mean over the batch of -log p(x_t | x_<t, z). */
static void train_group(struct trainer *trainer, struct worker *w, int i) {
    const struct ltm_config *c = &trainer->config;
    const int T = c->model.sequence, S = c->slow.samples;
    const int first = gradient_group(&trainer->gradient, i) * trainer->workers.group;
    const int left = c->slow.batch - first, count = left < trainer->workers.group ? left : trainer->workers.group;
    const struct group group = {trainer, w, first, count};
    const struct noise_source fit = {{c->run.seed, RANDOM_FAST_NOISE, (uint32_t)trainer->adam.count, 0, 0}, w->numbers};
    float *scales = trainer->scales + first;
    struct sequence_score *scores = trainer->scores + first;
    worker_begin(w, trainer->stream, trainer->starts + first, (uint32_t)first, count, T);
    fast_loop_start(&w->loop, &c->fast, count);
    w->loop.kl_weight = (float)kl_weight(&c->slow, trainer->adam.count);
    fast_loop_run(&w->loop, w->pass, &c->fast, &fit, count, T, NULL);
    for (int g = 0; g < count; g++)
        scores[g] = (struct sequence_score){.kl = fast_loop_kl(&w->loop, g), .diverged = w->loop.diverged[g]};
    if (trainer->shares) weigh_draws(&group);
    for (int s = 0; s < S; s++) {
        for (int g = 0; g < count; g++) {
            const double share = trainer->shares ? trainer->shares[(first + g) * S + s] : 1.0 / S;
            scales[g] = (float)(share / ((double)c->slow.batch * T));
        }
        draw(&group, s);
        struct gradient_ticket ticket = {&trainer->gradient, i, s};
        const struct gradient_taker taker = gradient_sum_taker(&ticket);
        decoder_give_weight_gradient(w->pass, w->loop.z, scales, w->loop.nll, &taker);
        for (int g = 0; g < count; g++) scores[g].recon += nll_of(&group, g) / S;
    }
}

/* All groups of the batch that are this process's, handed out in increasing order as sums ask. Ids are checked beforehand: a
 * group that gave up would leave the others waiting for its turn. With other processes the first thread makes the transfers. */
static ltm_status train_batch(struct trainer *trainer, struct ltm_error *error) {
    struct gradient_sum *gradient = &trainer->gradient;
    const int64_t first = trainer->adam.count * trainer->config.slow.batch;
    const int transfers = gradient->exchange ? 1 : 0;
    ltm_status status = LTM_OK;
    atomic_int next = 0;
    for (int i = 0; i < trainer->config.slow.batch; i++) {
        trainer->starts[i] = sequence_start(&trainer->order, first + i);
        trainer->scores[i] = (struct sequence_score){0};
        if (token_stream_largest(trainer->stream, trainer->starts[i], trainer->config.model.sequence + 1) >=
            trainer->decoder->config.vocab)
            return workers_fail_vocabulary(&trainer->workers, error);
    }
    gradient_sum_begin(gradient);
#pragma omp parallel num_threads(trainer->workers.threads + transfers)
    {
        const int me = omp_get_thread_num() - transfers;
        if (me < 0) status = exchange_run(gradient->exchange, error);
        for (int i; me >= 0 && (i = atomic_fetch_add(&next, 1)) < gradient->here;)
            train_group(trainer, &trainer->workers.each[me], i);
    }
    return status;
}

/* Every process steps its share of the weights and gets those of the others. */
static ltm_status share_weights(struct trainer *trainer, struct ltm_error *error) {
    const struct shares *shares = &trainer->state;
    const size_t n = (size_t)shares->processes;
    size_t *begin = trainer->slices, *end = begin + n;
    ltm_status status = LTM_OK;
    for (int p = 0; n > 1 && p < shares->count; p++) {
        const size_t from = shares->pieces[p].all.begin;
        for (size_t r = 0; r < n; r++) {
            const struct range slice = shares_slice(shares, p, (int)r);
            begin[r] = slice.begin - from;
            end[r] = slice.end - from;
        }
        TRY(processes_share(trainer->decoder->weights + from, begin, end, error));
    }
    TRY(processes_share_end(error));
cleanup:
    return status;
}

ltm_status trainer_gradient(struct trainer *trainer, struct slow_step *done, struct ltm_error *error) {
    const struct ltm_config *c = &trainer->config;
    const double tokens = (double)c->slow.batch * c->model.sequence;
    ltm_status status = train_batch(trainer, error);
    if (status != LTM_OK) return status;
    gradient_squares(trainer->squares, trainer->gradient.total, &trainer->state, c->run.threads);
    TRY(processes_merge(trainer->squares, trainer->state.grains * sizeof *trainer->squares, error));
    TRY(processes_merge(trainer->scores, (size_t)c->slow.batch * sizeof *trainer->scores, error));
    *done = (struct slow_step){.lr = slow_rate(&c->slow, trainer->adam.count, trainer->steps)};
    for (int i = 0; i < c->slow.batch; i++) {
        done->recon += trainer->scores[i].recon / tokens;
        done->kl += trainer->scores[i].kl / tokens;
        done->loss += (trainer->shares ? trainer->scores[i].iwae : trainer->scores[i].recon) / tokens;
    }
    done->grad_norm = gradient_norm(trainer->squares, &trainer->state);
    if (!isfinite(done->loss) || !isfinite(done->grad_norm))
        status = fail(error, LTM_NUMERIC,
                      "at slow step %lld the %s is not a finite number; training has diverged. Begin anew with a lower "
                      "slow.lr or fast.lr in another run.dir; the checkpoints so far are kept",
                      (long long)trainer->adam.count + 1, isfinite(done->loss) ? "gradient" : "loss");
cleanup:
    return status;
}

ltm_status trainer_step(struct trainer *trainer, struct slow_step *done, struct ltm_error *error) {
    const struct ltm_slow_config *c = &trainer->config.slow;
    const int threads = trainer->config.run.threads;
    ltm_status status = trainer_gradient(trainer, done, error);
    if (status != LTM_OK) return status;
    const double scale = c->clip > 0 && done->grad_norm > c->clip ? c->clip / done->grad_norm : 1;
    adamw_step(&trainer->adam, trainer->decoder->weights, trainer->gradient.total, &trainer->decoder->table, c,
               done->lr, scale, threads);
    status = share_weights(trainer, error);
    return status == LTM_OK ? decoder_pack(trainer->decoder, threads, error) : status;
}
