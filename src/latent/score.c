#include "latent/score.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include <omp.h>

/* Copy what the dump wants of a group whose first sample has just been scored. */
static void dump_group(const struct score_dump *dump, const struct worker *w, int64_t first, int count, int length) {
    const size_t tokens = (size_t)count * (size_t)length, at = (size_t)first * (size_t)length;
    const size_t numbers = (size_t)count * w->loop.latents, at_z = (size_t)first * w->loop.latents;
    memcpy(dump->tokens + at, w->tokens, tokens * sizeof *w->tokens);
    memcpy(dump->targets + at, w->targets, tokens * sizeof *w->targets);
    memcpy(dump->nll + at, w->loop.nll, tokens * sizeof(float));
    memcpy(dump->mu + at_z, w->loop.mu, numbers * sizeof(float));
    memcpy(dump->logvar + at_z, w->loop.logvar, numbers * sizeof(float));
    memcpy(dump->noise + at_z, w->loop.noise, numbers * sizeof(float));
}

static void score_group(struct sequence_score *scores, struct worker *w, const struct score_options *options,
                        int64_t first, int count, int length) {
    const struct noise_source fit = {{.seed = options->seed, .purpose = RANDOM_SCORE_FIT}, w->numbers};
    const struct noise_source fresh = {{.seed = options->seed, .purpose = RANDOM_SCORE_NOISE}, w->numbers};
    const int samples = w->loop.latents ? options->samples : 1;
    fast_loop_start(&w->loop, &options->fast, count);
    fast_loop_run(&w->loop, w->pass, &options->fast, &fit, count, length, NULL);
    for (int g = 0; g < count; g++) scores[first + g] = (struct sequence_score){.kl = fast_loop_kl(&w->loop, g)};
    for (int sample = 0; sample < samples; sample++) {
        fast_loop_draw(&w->loop, &fresh, count, sample);
        posterior_sample(w->loop.z, w->loop.mu, w->loop.logvar, w->loop.noise, (size_t)count * w->loop.latents);
        decoder_score(w->pass, w->loop.z, w->loop.nll);
        if (sample == 0 && options->dump) dump_group(options->dump, w, first, count, length);
        for (int g = 0; g < count; g++) {
            double nll = 0;
            for (int t = 0; t < length; t++) nll += (double)w->loop.nll[(size_t)g * (size_t)length + (size_t)t];
            scores[first + g].recon += nll / samples;
        }
    }
}

static void tell(const struct ltm_watch *watch, int64_t done, int64_t count) {
    if (!watch || !watch->progress) return;
    const struct ltm_progress progress = {.what = "scoring", .done = (double)done, .total = (double)count};
    watch->progress(watch->user, &progress);
}

ltm_status score_sequences(struct sequence_score *scores, struct workers *workers, const struct token_stream *stream,
                           const int64_t *starts, int64_t count, const struct score_options *options,
                           struct ltm_error *error) {
    const int group = workers->group, length = workers->length;
    const int64_t groups = (count + group - 1) / group;
    int64_t done = 0;
    atomic_bool foreign = false;
#pragma omp parallel num_threads(workers->threads)
    {
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < groups; i++) {
            struct worker *w = &workers->each[omp_get_thread_num()];
            const int64_t first = i * group;
            const int here = (int)(count - first < group ? count - first : group);
            if (!worker_begin(w, stream, starts + first, (uint32_t)first, here, length)) {
                foreign = true;
                continue;
            }
            score_group(scores, w, options, first, here, length);
#pragma omp critical(score_progress)
            tell(options->watch, done += here, count);
        }
    }
    if (foreign) return workers_fail_vocabulary(workers, error);
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(scores[i].recon + scores[i].kl))
            return fail(error, LTM_NUMERIC,
                        "the score of sequence %lld (first token %lld) is not a finite number; lower fast.lr or use a "
                        "checkpoint from before the training diverged",
                        (long long)i, (long long)starts[i]);
    return LTM_OK;
}

static void mean_and_error(double *mean, double *error, double sum, double squares, int64_t n, int length) {
    *mean = sum / (double)n / length;
    const double variance = n > 1 ? (squares - sum * sum / (double)n) / (double)(n - 1) : NAN;
    *error = sqrt(variance > 0 ? variance / (double)n : n > 1 ? 0 : NAN) / length;
}

struct score_summary score_summarise(const struct sequence_score *scores, int64_t count, int length) {
    double sum[3] = {0}, squares[3] = {0};
    for (int64_t i = 0; i < count; i++) {
        const double value[3] = {scores[i].recon, scores[i].kl, scores[i].recon + scores[i].kl};
        for (int k = 0; k < 3; k++) {
            sum[k] += value[k];
            squares[k] += value[k] * value[k];
        }
    }
    struct score_summary s;
    mean_and_error(&s.recon, &s.recon_error, sum[0], squares[0], count, length);
    mean_and_error(&s.kl, &s.kl_error, sum[1], squares[1], count, length);
    mean_and_error(&s.bound, &s.bound_error, sum[2], squares[2], count, length);
    return s;
}
