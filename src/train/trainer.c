#include "train/trainer.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/memory.h"
#include "ltm/model.h"
#include "ltm/train.h"

int64_t trainer_steps(const struct ltm_config *config) {
    const int64_t a_step = (int64_t)config->slow.batch * config->model.sequence;
    return (config->run.tokens + a_step - 1) / a_step;
}

double ltm_training_flops(const struct ltm_config *config) {
    return ltm_forward_flops(&config->model) * (3 + (config->model.latents ? 2.0 * config->fast.steps : 0));
}

static int trainer_threads(const struct ltm_config *config) {
    const int group = config->slow.group, groups = (config->slow.batch + group - 1) / group;
    return config->run.threads < groups ? config->run.threads : groups;
}

/* The program itself and what its libraries take, measured: OpenBLAS's buffers, the pages of code that run. */
enum { PROGRAM_BYTES = 20000000 };

size_t trainer_bytes(const struct ltm_config *config, const struct decoder *decoder) {
    return PROGRAM_BYTES + 4 * decoder->table.size * sizeof(float) + decoder_packed_bytes(decoder) +
           workers_bytes(decoder, trainer_threads(config), config->slow.group, config->model.sequence, true);
}

ltm_status trainer_create(struct trainer *trainer, const struct ltm_config *config, struct decoder *decoder,
                          const struct token_stream *stream, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const size_t batch = (size_t)config->slow.batch, size = decoder->table.size;
    *trainer =
        (struct trainer){.config = *config, .decoder = decoder, .stream = stream, .steps = trainer_steps(config)};
    TRY(sequence_order_init(&trainer->order, token_stream_count(stream), config->model.sequence, config->run.seed,
                            error));
    TRY(NEW_ARRAY(trainer->scores, batch, "a batch", error));
    TRY(NEW_ARRAY(trainer->starts, batch, "a batch", error));
    TRY(NEW_ARRAY(trainer->gradient, size, "gradients", error));
    TRY(NEW_ARRAY(trainer->adam.first, size, "optimiser state", error));
    TRY(NEW_ARRAY(trainer->adam.second, size, "optimiser state", error));
    TRY(turnstile_create(&trainer->turnstile, decoder_turns(decoder), error));
    TRY(workers_create(&trainer->workers, decoder, trainer_threads(config), config->slow.group, config->model.sequence,
                       true, error));
    return LTM_OK;
cleanup:
    trainer_free(trainer);
    return status;
}

void trainer_free(struct trainer *trainer) {
    workers_free(&trainer->workers);
    turnstile_free(trainer->turnstile);
    free(trainer->scores);
    free(trainer->starts);
    free(trainer->gradient);
    free(trainer->adam.first);
    free(trainer->adam.second);
    *trainer = (struct trainer){0};
}

/* Fit the group's posteriors, draw z anew, and add the gradient of the mean of -log p(x_t | x_<t, z) over the batch. */
static void train_group(struct trainer *trainer, struct worker *w, int ticket) {
    const struct ltm_config *c = &trainer->config;
    const int first = ticket * trainer->workers.group, T = c->model.sequence, left = c->slow.batch - first;
    const int count = left < trainer->workers.group ? left : trainer->workers.group;
    const uint32_t step = (uint32_t)trainer->adam.count;
    const struct noise_source fit = {{c->run.seed, RANDOM_FAST_NOISE, step, 0, 0}, w->numbers};
    const struct noise_source fresh = {{c->run.seed, RANDOM_SLOW_NOISE, step, 0, 0}, w->numbers};
    worker_begin(w, trainer->stream, trainer->starts + first, (uint32_t)first, count, T);
    fast_loop_start(&w->loop, &c->fast, count);
    fast_loop_run(&w->loop, w->pass, &c->fast, &fit, count, T, NULL);
    /* The published program keeps the fit's noise for the slow step too. */
    if (c->fast.noise == LTM_NOISE_FIXED)
        fast_loop_draw(&w->loop, &fit, count, 0);
    else
        fast_loop_draw(&w->loop, &fresh, count, 0);
    posterior_sample(w->loop.z, w->loop.mu, w->loop.logvar, w->loop.noise, (size_t)count * w->loop.latents);
    decoder_weight_gradient(w->pass, w->loop.z, 1.0f / ((float)c->slow.batch * (float)T), w->loop.nll,
                            trainer->gradient, trainer->turnstile, ticket);
    for (int g = 0; g < count; g++) {
        struct sequence_score *score = &trainer->scores[first + g];
        *score = (struct sequence_score){.kl = fast_loop_kl(&w->loop, g)};
        for (int t = 0; t < T; t++) score->recon += (double)w->loop.nll[(size_t)g * (size_t)T + (size_t)t];
    }
}

/* All groups of the batch, handed out in increasing order as the turnstile asks. Ids are checked beforehand: a group that gave
 * up would leave the others waiting for its turn. */
static ltm_status train_batch(struct trainer *trainer, struct ltm_error *error) {
    const int group = trainer->workers.group, groups = (trainer->config.slow.batch + group - 1) / group;
    const int64_t first = trainer->adam.count * trainer->config.slow.batch;
    atomic_int next = 0;
    for (int i = 0; i < trainer->config.slow.batch; i++) {
        trainer->starts[i] = sequence_start(&trainer->order, first + i);
        if (token_stream_largest(trainer->stream, trainer->starts[i], trainer->config.model.sequence + 1) >=
            trainer->decoder->config.vocab)
            return workers_fail_vocabulary(&trainer->workers, error);
    }
    turnstile_reset(trainer->turnstile);
#pragma omp parallel num_threads(trainer->workers.threads)
    {
        struct worker *w = &trainer->workers.each[omp_get_thread_num()];
        for (int i; (i = atomic_fetch_add(&next, 1)) < groups;) train_group(trainer, w, i);
    }
    return LTM_OK;
}

ltm_status trainer_step(struct trainer *trainer, struct slow_step *done, struct ltm_error *error) {
    const struct ltm_config *c = &trainer->config;
    const double tokens = (double)c->slow.batch * c->model.sequence;
    ltm_status status = train_batch(trainer, error);
    if (status != LTM_OK) return status;
    *done = (struct slow_step){.lr = slow_rate(&c->slow, trainer->adam.count, trainer->steps)};
    for (int i = 0; i < c->slow.batch; i++) {
        done->recon += trainer->scores[i].recon / tokens;
        done->kl += trainer->scores[i].kl / tokens;
    }
    done->loss = done->recon;
    done->grad_norm = gradient_norm(trainer->gradient, trainer->decoder->table.size, c->run.threads);
    if (!isfinite(done->loss) || !isfinite(done->grad_norm))
        return fail(error, LTM_NUMERIC,
                    "at slow step %lld the %s is not a finite number; training has diverged. Begin anew with a lower "
                    "slow.lr or fast.lr in another run.dir; the checkpoints so far are kept",
                    (long long)trainer->adam.count + 1, isfinite(done->loss) ? "gradient" : "loss");
    const double scale = c->slow.clip > 0 && done->grad_norm > c->slow.clip ? c->slow.clip / done->grad_norm : 1;
    adamw_step(&trainer->adam, trainer->decoder->weights, trainer->gradient, &trainer->decoder->table, &c->slow,
               done->lr, scale, c->run.threads);
    return decoder_pack(trainer->decoder, c->run.threads, error);
}
