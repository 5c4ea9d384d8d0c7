#include "latent/score.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/memory.h"
#include "base/processes.h"
#include "config/chunks.h"
#include "latent/answer_match.h"
#include "latent/depth.h"
#include "latent/score_streaming.h"

/* Copy the dump's arrays of a group whose first sample has just been scored. */
static void dump_group(const struct score_dump *dump, const struct worker *w, int64_t first, int count, int length) {
    const size_t tokens = (size_t)count * (size_t)length;
    const size_t at = (size_t)first * (size_t)length;
    const size_t numbers = (size_t)count * w->loop.latents;
    const size_t at_z = (size_t)first * w->loop.latents;
    memcpy(dump->tokens + at, w->tokens, tokens * sizeof *w->tokens);
    memcpy(dump->targets + at, w->targets, tokens * sizeof *w->targets);
    memcpy(dump->nll + at, w->loop.nll, tokens * sizeof(float));
    for (size_t i = 0; w->loop.weights && i < tokens; i++)
        if (w->loop.weights[i] == 0) dump->nll[at + i] = 0;
    const size_t d = dump->dim;
    if (dump->states) memcpy(dump->states + at * d, decoder_output(w->pass), tokens * d * sizeof(float));
    memcpy(dump->mu + at_z, w->loop.mu, numbers * sizeof(float));
    memcpy(dump->logvar + at_z, w->loop.logvar, numbers * sizeof(float));
    memcpy(dump->noise + at_z, w->loop.noise, numbers * sizeof(float));
}

/* log of a mean of exponentials, updated term by term: most + log(sum / count). */
struct log_mean {
    double most, sum;
    int count;
};

static void log_mean_add(struct log_mean *mean, double log_term) {
    if (mean->count++ == 0) {
        mean->most = log_term;
        mean->sum = 1;
    } else if (log_term > mean->most) {
        mean->sum = mean->sum * exp(mean->most - log_term) + 1;
        mean->most = log_term;
    } else
        mean->sum += exp(log_term - mean->most);
}

static double log_mean_value(const struct log_mean *mean) { return mean->most + log(mean->sum / mean->count); }

/* One thread at work on one group. */
struct group_scoring {
    struct worker *w;
    const struct score_options *options;
    struct sequence_score *scores; /* of this group */
    struct log_mean *means;        /* [count], scratch */
    int count, length;
};

/* Noise of the fit and of scores: `part` 0 for whole sequences, 1 if only the first part is fitted. */
static struct noise_source noise_of(const struct group_scoring *s, uint32_t purpose, uint32_t part) {
    return (struct noise_source){{.seed = s->options->seed, .purpose = purpose, .step = part}, s->w->numbers};
}

static void fit(const struct group_scoring *s, int length, uint32_t part) {
    const struct noise_source noise = noise_of(s, RANDOM_SCORE_FIT, part);
    fast_loop_start(&s->w->loop, &s->options->fast, s->count);
    fast_loop_run(&s->w->loop, s->w->pass, &s->options->fast, &noise, s->count, length, NULL);
    for (int g = 0; g < s->count; g++) s->scores[g].diverged += s->w->loop.diverged[g];
}

/* Draw z = μ + σ ε and score it. */
static void score_draw(const struct group_scoring *s, const struct noise_source *noise, int sample) {
    struct fast_loop *loop = &s->w->loop;
    fast_loop_draw(loop, noise, s->count, sample);
    posterior_sample(loop->z, loop->mu, loop->logvar, loop->noise, (size_t)s->count * loop->latents);
    decoder_score(s->w->pass, loop->z, loop->nll);
}

static double nll_from(const struct group_scoring *s, int g, int from) {
    return fast_loop_nll(&s->w->loop, g, from, s->length);
}

/* The weights of the tokens from `from` on. */
static double tokens_from(const struct group_scoring *s, int g, int from) {
    const float *weights = s->w->loop.weights;
    double sum = 0;
    if (!weights) return s->length - from;
    for (int t = from; t < s->length; t++) sum += (double)weights[(size_t)g * (size_t)s->length + (size_t)t];
    return sum;
}

/* Depths of the draw just scored, one of `samples`. */
static void count_depths(const struct group_scoring *s, int64_t first, int samples) {
    const int *loops = decoder_depths(s->w->pass);
    for (int g = 0; s->options->depths && g < s->count; g++) {
        const size_t at = (size_t)g * (size_t)s->length;
        depth_add(&s->options->depths[first + g], loops + at, s->w->loop.nll + at,
                  s->w->loop.weights ? s->w->loop.weights + at : NULL, s->length, samples);
    }
}

/* The fit with no step: its bound under the draws that score the complete fit. */
static void score_start(const struct group_scoring *s) {
    const struct noise_source fresh = noise_of(s, RANDOM_SCORE_NOISE, 0);
    struct ltm_fast_config none = s->options->fast;
    none.steps = 0;
    fast_loop_start(&s->w->loop, &none, s->count);
    fast_loop_run(&s->w->loop, s->w->pass, &none, NULL, s->count, s->length, NULL);
    for (int g = 0; g < s->count; g++) s->scores[g].start = fast_loop_kl(&s->w->loop, g);
    for (int k = 0; k < s->options->samples; k++) {
        score_draw(s, &fresh, k);
        for (int g = 0; g < s->count; g++) s->scores[g].start += nll_from(s, g, 0) / s->options->samples;
    }
}

static void start_means(const struct group_scoring *s) { memset(s->means, 0, (size_t)s->count * sizeof *s->means); }

static void match_answers(const struct group_scoring *s) {
    for (int g = 0; g < s->count; g++) answer_match(&s->scores[g].answers, &s->scores[g].matches, s->w, g, s->length);
}

/* recon, KL, and iwae from the same draws: log w_k = log p(x|z_k) + log p(z_k) - log q(z_k). */
static void score_posterior(const struct group_scoring *s, const struct score_dump *dump, int64_t first) {
    const struct score_options *o = s->options;
    const struct fast_loop *loop = &s->w->loop;
    const struct noise_source fresh = noise_of(s, RANDOM_SCORE_NOISE, 0);
    const int draws = o->samples > o->iwae ? o->samples : o->iwae;
    start_means(s);
    for (int g = 0; g < s->count && !loop->fit_weights; g++) s->scores[g].kl = fast_loop_kl(loop, g);
    for (int k = 0; k < draws; k++) {
        score_draw(s, &fresh, k);
        if (k == 0 && o->answers) match_answers(s);
        if (k < o->samples) count_depths(s, first, o->samples);
        if (k == 0 && dump) dump_group(dump, s->w, first, s->count, s->length);
        for (int g = 0; g < s->count; g++) {
            const size_t at = (size_t)g * loop->latents;
            const double nll = nll_from(s, g, 0);
            if (k < o->samples) s->scores[g].recon += nll / o->samples;
            if (k >= o->iwae) continue;
            log_mean_add(&s->means[g],
                         posterior_log_ratio(loop->z + at, loop->logvar + at, loop->noise + at, loop->latents) - nll);
        }
    }
    for (int g = 0; o->iwae && g < s->count; g++) s->scores[g].iwae = -log_mean_value(&s->means[g]);
}

static void score_fitted_noise(const struct group_scoring *s) {
    const struct noise_source noise = noise_of(s, RANDOM_SCORE_FIT, 0);
    score_draw(s, &noise, 0);
    for (int g = 0; g < s->count; g++) s->scores[g].fitted = nll_from(s, g, 0) + s->scores[g].kl;
}

/* z from the prior; overwrites the posterior. The draws also serve the rest of the sequence. */
static void score_prior(const struct group_scoring *s) {
    const struct score_options *o = s->options;
    const struct noise_source fresh = noise_of(s, RANDOM_PRIOR, 1);
    fast_loop_prior(&s->w->loop, s->count);
    start_means(s);
    for (int k = 0; k < o->prior; k++) {
        score_draw(s, &fresh, k);
        for (int g = 0; g < s->count; g++) {
            log_mean_add(&s->means[g], -nll_from(s, g, 0));
            if (o->first_part) s->scores[g].rest_prior += nll_from(s, g, o->first_part) / o->prior;
        }
    }
    for (int g = 0; g < s->count; g++) s->scores[g].prior = -log_mean_value(&s->means[g]);
}

/* The pass covers whole sequences again; the posterior is that of the first part. */
static void score_rest(const struct group_scoring *s) {
    const struct noise_source fresh = noise_of(s, RANDOM_SCORE_NOISE, 1);
    for (int k = 0; k < s->options->samples; k++) {
        score_draw(s, &fresh, k);
        for (int g = 0; g < s->count; g++)
            s->scores[g].rest += nll_from(s, g, s->options->first_part) / s->options->samples;
    }
}

/* Without latents there is nothing to fit or draw: every score is exact. */
static void score_plain(const struct group_scoring *s, int64_t first) {
    decoder_score(s->w->pass, NULL, s->w->loop.nll);
    if (s->options->answers) match_answers(s);
    count_depths(s, first, 1);
    if (s->options->dump) dump_group(s->options->dump, s->w, first, s->count, s->length);
    for (int g = 0; g < s->count; g++) {
        struct sequence_score *score = &s->scores[g];
        score->recon = score->iwae = score->prior = nll_from(s, g, 0);
        score->rest = score->rest_prior = nll_from(s, g, s->options->first_part);
    }
    if (model_carries(&decoder_pass_decoder(s->w->pass)->plan.config))
        score_memory(s->w, s->count, s->length, s->scores);
}

/* All figures of the sequences from `first` on. False if one has an id outside the vocabulary. */
static bool score_group(const struct group_scoring *s, const struct sequence_source *source, int64_t first) {
    const struct score_options *o = s->options;
    const uint32_t number = (uint32_t)first;
    if (!worker_begin(s->w, source, first, number, s->count, s->length)) return false;
    for (int g = 0; g < s->count; g++)
        s->scores[g] = (struct sequence_score){.tokens = tokens_from(s, g, 0),
                                               .rest_tokens = o->first_part ? tokens_from(s, g, o->first_part) : 0};
    if (s->w->loop.latents == 0) {
        score_plain(s, first);
        return true;
    }
    if (s->w->streaming.block) {
        score_streaming(s->w, s->count, s->length, s->scores);
        if (o->dump) dump_group(o->dump, s->w, first, s->count, s->length);
        score_streaming_controls(s->w, source, first, s->count, s->length, o->samples, o->seed, s->scores);
        return true;
    }
    if (o->start) score_start(s);
    fit(s, s->length, 0);
    score_posterior(s, o->dump, first);
    for (int g = 0; o->start && g < s->count; g++)
        s->scores[g].gap = s->scores[g].start - s->scores[g].recon - s->scores[g].kl;
    if (o->fitted_noise) score_fitted_noise(s);
    if (o->prior) score_prior(s);
    if (!o->first_part) return true;
    worker_begin(s->w, source, first, number, s->count, o->first_part);
    fit(s, o->first_part, 1);
    worker_begin(s->w, source, first, number, s->count, s->length);
    score_rest(s);
    return true;
}

static void tell(const struct ltm_watch *watch, int64_t done, int64_t count) {
    if (!watch || !watch->progress) return;
    const struct ltm_progress progress = {.what = "scoring", .done = (double)done, .total = (double)count};
    watch->progress(watch->user, &progress);
}

static ltm_status check_finite(const struct decoder *decoder, const struct sequence_score *scores,
                               const struct sequence_source *source, struct ltm_error *error) {
    char what[120];
    for (int64_t i = 0; i < source->count; i++) {
        const struct sequence_score *s = &scores[i];
        if (isfinite(s->recon + s->kl + s->iwae + s->prior + s->fitted + s->rest + s->rest_prior + s->start + s->drawn))
            continue;
        snprintf(what, sizeof what, "the score of sequence %lld (first token %lld) is not finite", (long long)i,
                 (long long)source->place(source, i));
        return decoder_fail_nonfinite(decoder, what,
                                      "lower fast.lr or use a checkpoint from before the training diverged", error);
    }
    return LTM_OK;
}

int64_t score_diverged(const struct sequence_score *scores, int64_t count, int64_t *first) {
    int64_t diverged = 0;
    for (int64_t i = 0; i < count; i++)
        if (scores[i].diverged && diverged++ == 0) *first = i;
    return diverged;
}

static void tell_diverged(const struct sequence_score *scores, const struct sequence_source *source,
                          const struct ltm_watch *watch) {
    char line[400];
    int64_t first = 0;
    const int64_t diverged = score_diverged(scores, source->count, &first);
    if (!diverged || !watch || !watch->message) return;
    snprintf(line, sizeof line,
             "the fast loop diverged on %lld of %lld sequences, first on sequence %lld (first token %lld); they "
             "are scored under the prior, so their bounds stay valid; try a lower fast.lr",
             (long long)diverged, (long long)source->count, (long long)first, (long long)source->place(source, first));
    watch->message(watch->user, line);
}

/* Gives every process the scores of all. */
static ltm_status gather(struct sequence_score *scores, int64_t count, int length, size_t latents,
                         const struct score_options *options, struct ltm_error *error) {
    const struct score_dump *dump = options->dump;
    const size_t n = (size_t)count;
    const size_t tokens = n * (size_t)length;
    const size_t numbers = n * latents;
    ltm_status status = LTM_OK;
    TRY(processes_merge(scores, n * sizeof *scores, error));
    if (options->depths) TRY(processes_merge(options->depths, n * sizeof *options->depths, error));
    if (!dump) return LTM_OK;
    TRY(processes_merge(dump->tokens, tokens * sizeof *dump->tokens, error));
    TRY(processes_merge(dump->targets, tokens * sizeof *dump->targets, error));
    TRY(processes_merge(dump->nll, tokens * sizeof *dump->nll, error));
    if (dump->states) TRY(processes_merge(dump->states, tokens * dump->dim * sizeof *dump->states, error));
    TRY(processes_merge(dump->mu, numbers * sizeof *dump->mu, error));
    TRY(processes_merge(dump->logvar, numbers * sizeof *dump->logvar, error));
    TRY(processes_merge(dump->noise, numbers * sizeof *dump->noise, error));
cleanup:
    return status;
}

ltm_status score_sequences(struct sequence_score *scores, struct workers *workers, const struct sequence_source *source,
                           const struct score_options *options, struct ltm_error *error) {
    const int64_t count = source->count;
    const int group = workers->group;
    const int length = workers->length;
    const int64_t groups = (count + group - 1) / group;
    const int64_t processes = processes_count();
    int64_t done = 0;
    atomic_bool foreign = false;
    atomic_bool stopped = false;
    struct log_mean *means = NULL;
    ltm_status status = NEW_ARRAY(means, (size_t)workers->threads * (size_t)group, "scores", error);
    status = processes_agree(status, error);
    if (status != LTM_OK) goto cleanup;
    memset(scores, 0, (size_t)count * sizeof *scores);
#pragma omp parallel num_threads(workers->threads)
    {
        const int me = omp_get_thread_num();
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = processes_rank(); i < groups; i += processes) {
            if (options->stop && __atomic_load_n(options->stop, __ATOMIC_RELAXED)) stopped = true;
            if (stopped) continue;
            const int64_t first = i * group;
            const int here = (int)(count - first < group ? count - first : group);
            const struct group_scoring s = {.w = &workers->each[me],
                                            .options = options,
                                            .scores = scores + first,
                                            .means = means + (size_t)me * (size_t)group,
                                            .count = here,
                                            .length = length};
            if (!score_group(&s, source, first)) {
                foreign = true;
                continue;
            }
#pragma omp critical(score_progress)
            {
                done += here * processes; /* the others are about as far */
                tell(options->watch, done < count ? done : count, count);
            }
        }
    }
    if (processes_any(foreign)) {
        status = workers_fail_vocabulary(workers, error);
        goto cleanup;
    }
    if (processes_any(stopped)) {
        status = fail(error, LTM_INTERRUPTED, "stopped before all %lld sequences were scored", (long long)count);
        goto cleanup;
    }
    TRY(processes_agree(workers_status(workers, error), error));
    TRY(gather(scores, count, length, workers->each[0].loop.latents, options, error));
    status = check_finite(decoder_pass_decoder(workers->each[0].pass), scores, source, error);
    if (status == LTM_OK) tell_diverged(scores, source, options->watch);
cleanup:
    free(means);
    return status;
}

/* Residuals of the ratio for a figure that is `value` in sequence i, where sequences have `length` tokens on average
 * and this one `tokens`; with equal lengths they are the residuals of the values. */
static void mean_and_error(double *mean, double *error, const struct sequence_score *scores,
                           double (*value)(const struct sequence_score *score), int64_t n, double length) {
    double sum = 0;
    double squares = 0;
    for (int64_t i = 0; i < n; i++) sum += value(&scores[i]);
    *mean = sum / (double)n / length;
    for (int64_t i = 0; i < n; i++) {
        const double even = value(&scores[i]) - *mean * (scores[i].tokens - length);
        squares += even * even;
    }
    const double variance = n > 1 ? (squares - sum * sum / (double)n) / (double)(n - 1) : NAN;
    *error = sqrt(variance > 0 ? variance / (double)n : n > 1 ? 0 : NAN) / length;
}

static double recon_of(const struct sequence_score *score) { return score->recon; }
static double kl_of(const struct sequence_score *score) { return score->kl; }
static double bound_of(const struct sequence_score *score) { return score->recon + score->kl; }

struct score_summary score_summarise(const struct sequence_score *scores, int64_t count) {
    struct score_summary s;
    double tokens = 0;
    for (int64_t i = 0; i < count; i++) tokens += scores[i].tokens;
    const double length = tokens / (double)count;
    mean_and_error(&s.recon, &s.recon_error, scores, recon_of, count, length);
    mean_and_error(&s.kl, &s.kl_error, scores, kl_of, count, length);
    mean_and_error(&s.bound, &s.bound_error, scores, bound_of, count, length);
    return s;
}
