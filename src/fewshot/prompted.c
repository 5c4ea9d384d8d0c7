#include "fewshot/prompted.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/chunks.h"
#include "math/vector.h"

enum { PROMPT_STEP = 2 }; /* of random keys: fits of prompts (base/random.h) */

ltm_status prompted_create(struct prompted *p, const struct stream_weights *weights,
                           const struct prompted_options *options, struct ltm_error *error) {
    const struct decoder *decoder = weights->decoder;
    const struct ltm_model_config *c = &decoder->plan.config;
    const int K = c->latents && !model_streams(c) && options->draws > 1 ? options->draws : 1;
    ltm_status status = LTM_OK;
    *p = (struct prompted){.decoder = decoder, .options = options, .draws = K, .reads_on = model_reads_on(c)};
    TRY(decoder_pass_create(&p->pass, decoder, 1, model_chunk(c), false, error));
    TRY(streaming_create(&p->streaming, decoder, 1, error));
    TRY(fast_loop_create(&p->loop, decoder, &options->fast, 1, c->sequence, error));
    TRY(decoder_stream_create(&p->stream, weights, K + PROMPTED_SLOTS + (p->reads_on ? LONG_PROMPT_SLOTS : 0), 1,
                              error));
    if (p->reads_on)
        TRY(long_prompt_create(&p->long_prompt, decoder, p->stream, K + PROMPTED_SLOTS, p->pass, p->loop.nll, error));
    TRY(NEW_ARRAY(p->weights, (size_t)K, "draws", error));
    TRY(NEW_ARRAY(p->gold_slots, (size_t)K, "draws", error));
    TRY(NEW_ARRAY(p->gold_next, (size_t)K, "draws", error));
    TRY(NEW_ARRAY(p->mixture, (size_t)c->vocab, "draws", error));
    for (int k = 0; k < K; k++) p->gold_slots[k] = k;
    return LTM_OK;
cleanup:
    prompted_free(p);
    return status;
}

int prompted_longest(const struct ltm_model_config *config) {
    return model_rolls(config) ? INT32_MAX / 2 : config->sequence;
}

void prompted_free(struct prompted *p) {
    history_free(&p->long_prompt.history);
    decoder_pass_free(p->pass);
    fast_loop_free(&p->loop);
    streaming_free(&p->streaming);
    decoder_stream_free(p->stream);
    free(p->tokens);
    free(p->weights);
    free(p->gold_slots);
    free(p->gold_next);
    free(p->mixture);
    free(p->logs);
    *p = (struct prompted){0};
}

ltm_status prompted_fail_nonfinite(const struct prompted *p, struct ltm_error *error) {
    const ltm_status status = decoder_pass_status(p->pass, error);
    if (status != LTM_OK) return status;
    return decoder_fail_nonfinite(p->decoder, "the model's predictions are not finite",
                                  "lower fast.lr, or use a checkpoint from before the training diverged", error);
}

static bool stopped(const struct prompted *p) {
    return p->options->stop && __atomic_load_n(p->options->stop, __ATOMIC_RELAXED);
}

static ltm_status is_stopped(const struct prompted *p, struct ltm_error *error) {
    return stopped(p) ? fail(error, LTM_INTERRUPTED, "the work was stopped") : LTM_OK;
}

static struct noise_source noise_of(const struct prompted *p, uint32_t purpose) {
    return (struct noise_source){{.seed = p->options->seed, .purpose = purpose, .step = PROMPT_STEP}, &p->number};
}

/* Begin the pass over the prompt from token `from` on, unless that is done. */
static void read_prompt(struct prompted *p, int from) {
    if (p->read_from == from || from == p->inputs) return;
    decoder_begin(p->pass, p->tokens + from, p->tokens + from + 1, 1, p->inputs - from);
    p->read_from = from;
}

ltm_status prompted_begin(struct prompted *p, const int32_t *ids, size_t count, int room, uint32_t number,
                          struct ltm_error *error) {
    const size_t most = p->reads_on ? count + 1 : (size_t)(p->decoder->plan.config.sequence - room) + 1;
    PASS_UP(GROW_ARRAY(p->tokens, p->token_room, count + 1, "a prompt", error));
    long_prompt_start(&p->long_prompt);
    p->cut = p->begun_cut = count + 1 > most;
    if (p->cut) {
        memcpy(p->tokens, ids + count - most, most * sizeof *ids);
    } else {
        p->tokens[0] = p->options->begin;
        if (count) memcpy(p->tokens + 1, ids, count * sizeof *ids);
    }
    p->inputs = (int)(p->cut ? most : count + 1) - 1;
    p->read_from = -1;
    p->number = number;
    p->diverged = false;
    fast_loop_prior(&p->loop, 1);
    if (p->inputs == 0 || p->loop.latents == 0 || p->streaming.block || p->options->frozen) return LTM_OK;
    const struct noise_source noise = noise_of(p, RANDOM_SCORE_FIT);
    read_prompt(p, 0);
    fast_loop_start(&p->loop, &p->options->fast, 1);
    fast_loop_run(&p->loop, p->pass, &p->options->fast, &noise, 1, p->inputs, NULL);
    p->diverged = p->loop.diverged[0];
    return LTM_OK;
}

/* z after the prompt from `from` on, chunk by chunk. */
static void stream_prompt(struct prompted *p, int from) {
    const struct streaming_reading reading = {
        .tokens = p->tokens + from, .targets = p->tokens + from + 1, .nll = p->loop.nll, .goes_on = true};
    streaming_read(&p->streaming, p->pass, &reading, 1, p->inputs - from);
    memcpy(p->loop.z, p->streaming.u, p->loop.latents * sizeof *p->loop.z);
}

/* Must the state read on for so many tokens behind the prompt? */
static bool is_long(const struct prompted *p, int tokens) {
    const int most = p->decoder->plan.config.sequence;
    return p->reads_on && p->inputs > (p->long_prompt.history.rolls ? most : most - tokens);
}

/* Then, before any of it is scored or written. */
static ltm_status read_long(struct prompted *p, int tokens, struct ltm_error *error) {
    if (!is_long(p, tokens)) return LTM_OK;
    p->read_from = -1;
    return long_prompt_read(&p->long_prompt, p->tokens, p->inputs, p->options->stop, error);
}

/* The start of the prompt for so many tokens behind it: as late as necessary to fit. */
static int start_before(const struct prompted *p, size_t tokens) {
    const int over = p->inputs + (int)tokens - p->decoder->plan.config.sequence;
    if (!p->reads_on) return over > 0 ? over : 0;
    return is_long(p, (int)tokens) ? long_prompt_window(&p->long_prompt, p->inputs, (int)tokens) : 0;
}

/* The k-th draw of z, and the pass over the prompt from `from` on under it. */
static void draw(struct prompted *p, int k, int from) {
    const struct noise_source noise = noise_of(p, RANDOM_SCORE_NOISE);
    if (p->reads_on && from > 0) return; /* read_long has read it */
    if (p->streaming.block) {
        stream_prompt(p, from);
        return;
    }
    if (p->loop.latents && p->options->draws > 0) {
        fast_loop_draw(&p->loop, &noise, 1, k);
        posterior_sample(p->loop.z, p->loop.mu, p->loop.logvar, p->loop.noise, p->loop.latents);
    } else if (p->loop.latents)
        memcpy(p->loop.z, p->loop.mu, p->loop.latents * sizeof *p->loop.z);
    read_prompt(p, from);
    if (from < p->inputs) decoder_score(p->pass, p->loop.z, p->loop.nll);
}

static void stand_behind(struct prompted *p, int slot, int from) {
    if (p->reads_on && from > 0)
        decoder_stream_copy(p->stream, slot, long_prompt_stand(&p->long_prompt, p->tokens, p->inputs, from));
    else if (from < p->inputs)
        decoder_stream_begin_behind(p->stream, slot, p->pass, p->loop.z);
    else
        decoder_stream_begin(p->stream, slot, p->loop.z);
}

/* Logits become unnormalised probabilities; returns their sum, and log p of a token. */
static float softmax(float *logits, int vocab, int32_t token, double *log_p) {
    const float most = vector_max(logits, (size_t)vocab);
    const double above = (double)logits[token] - (double)most;
    const float sum = vector_exp_sum(logits, most, (size_t)vocab);
    *log_p = above - log((double)sum);
    return sum;
}

/* After a step of so many rows. */
static void count_loops(struct prompted *p, int rows) {
    const int *depths = decoder_stream_depths(p->stream);
    for (int i = 0; depths && i < rows; i++) p->loops += depths[i];
    if (depths) p->looped += rows;
}

/* Up to PROMPTED_SLOTS continuations at once under the present draw: log p of continuation i into *logs[i]. */
static void score_side_by_side(struct prompted *p, const struct continuation *const *c, int n, int from,
                               double *const *logs) {
    const size_t vocab = (size_t)p->decoder->plan.config.vocab;
    int order[PROMPTED_SLOTS];
    int active = n;
    for (int i = 0; i < n; i++) {
        order[i] = i;
        *logs[i] = 0;
        stand_behind(p, p->draws + i, from);
    }
    for (size_t t = 0; active > 0 && !stopped(p); t++) {
        for (int row = 0; row < active; row++) {
            p->slots[row] = p->draws + order[row];
            p->next[row] = t ? c[order[row]]->ids[t - 1] : p->tokens[p->inputs];
        }
        float *logits = decoder_stream_step(p->stream, p->slots, p->next, active);
        int left = 0;
        for (int row = 0; row < active; row++) {
            const int i = order[row];
            double log_p;
            softmax(logits + (size_t)row * vocab, (int)vocab, c[i]->ids[t], &log_p);
            *logs[i] += log_p;
            if (t + 1 < c[i]->count) order[left++] = i;
        }
        active = left;
    }
}

static size_t longest(const struct continuation *all, int n) {
    size_t most = 0;
    for (int i = 0; i < n; i++) most = all[i].count > most ? all[i].count : most;
    return most;
}

/* The start of the prompt for the i-th of them. Where a state reads on, all see the reading that leaves room for the longest; else
 * each is cut by its own length, as the harness does. */
static int start_of(const struct prompted *p, const struct continuation *all, int n, int i) {
    return start_before(p, p->reads_on ? longest(all, n) : all[i].count);
}

/* Under the k-th draw, every continuation except `skip` whose prompt starts at `from`. */
static void score_others(struct prompted *p, const struct continuation *continuations, int n, int skip, int k,
                         int from) {
    const struct continuation *some[PROMPTED_SLOTS];
    double *logs[PROMPTED_SLOTS];
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (i != skip && start_of(p, continuations, n, i) == from) {
            some[count] = &continuations[i];
            logs[count++] = &p->logs[(size_t)i * (size_t)p->draws + (size_t)k];
        }
        if (count == PROMPTED_SLOTS || (i == n - 1 && count > 0)) {
            score_side_by_side(p, some, count, from, logs);
            count = 0;
        }
    }
}

static double log_mean_exp(const double *logs, int n) {
    double most = logs[0];
    double sum = 0;
    for (int i = 1; i < n; i++) most = logs[i] > most ? logs[i] : most;
    for (int i = 0; i < n; i++) sum += exp(logs[i] - most);
    return most + log(sum / n);
}

/* The gold continuation under every draw in step: at each token draw k has the weight p(tokens before | z_k) in the mixture's
 * prediction. */
static double score_gold(struct prompted *p, const struct continuation *c, bool *greedy) {
    const int K = p->draws;
    const int vocab = p->decoder->plan.config.vocab;
    int32_t token = p->tokens[p->inputs];
    *greedy = true;
    for (int k = 0; k < K; k++) p->weights[k] = 0;
    for (size_t t = 0; t < c->count && !stopped(p); t++) {
        const double all = log_mean_exp(p->weights, K);
        for (int k = 0; k < K; k++) p->gold_next[k] = token;
        if (p->moves) history_slide(p->moves);
        float *logits = decoder_stream_step(p->stream, p->gold_slots, p->gold_next, K);
        count_loops(p, K);
        token = c->ids[t];
        if (p->moves) p->moves->tokens[++p->moves->count] = token;
        memset(p->mixture, 0, (size_t)vocab * sizeof *p->mixture);
        for (int k = 0; k < K; k++, logits += vocab) {
            double log_p;
            const float sum = softmax(logits, vocab, token, &log_p);
            const float weight = (float)exp(p->weights[k] - all) / sum;
            for (int v = 0; v < vocab; v++) p->mixture[v] += weight * logits[v];
            p->weights[k] += log_p;
        }
        if (p->on_gold) p->on_gold(p->on_gold_user, token, log_mean_exp(p->weights, K) - all, p->mixture);
        *greedy = *greedy && p->mixture[token] >= vector_max(p->mixture, (size_t)vocab);
    }
    return log_mean_exp(p->weights, K);
}

ltm_status prompted_score(struct prompted *p, const struct continuation *continuations, int n, int gold, double *logs,
                          bool *greedy, struct ltm_error *error) {
    const size_t K = (size_t)p->draws;
    const size_t need = K * (size_t)n;
    const int apart = greedy ? gold : -1;
    if (need > p->log_room) {
        free(p->logs);
        p->log_room = 0;
        ltm_status status = NEW_ARRAY(p->logs, need, "scores", error);
        if (status != LTM_OK) return status;
        p->log_room = need;
    }
    p->cut = p->begun_cut;
    PASS_UP(read_long(p, (int)longest(continuations, n), error));
    for (int i = 0; i < n; i++) {
        const int from = start_of(p, continuations, n, i);
        bool done = false;
        for (int before = 0; before < i; before++) done = done || start_of(p, continuations, n, before) == from;
        p->cut = p->cut || (from > 0 && !p->reads_on);
        for (int k = 0; k < p->draws && !done; k++) {
            draw(p, k, from);
            if (greedy && start_of(p, continuations, n, gold) == from) stand_behind(p, k, from);
            score_others(p, continuations, n, apart, k, from);
        }
    }
    for (int i = 0; i < n; i++)
        logs[i] =
            i == apart ? score_gold(p, &continuations[i], greedy) : log_mean_exp(p->logs + (size_t)i * K, p->draws);
    return is_stopped(p, error);
}

ltm_status prompted_score_moving(struct prompted *p, const struct continuation *continuation, double *log_p,
                                 bool *greedy, struct ltm_error *error) {
    struct long_prompt *l = &p->long_prompt;
    long_prompt_start(l);
    PASS_UP(long_prompt_read(l, p->tokens, p->inputs, p->options->stop, error));
    p->cut = p->begun_cut;
    p->moves = &l->history;
    p->gold_slots[0] = l->slot;
    *log_p = score_gold(p, continuation, greedy);
    p->gold_slots[0] = 0;
    p->moves = NULL;
    long_prompt_start(l);
    return is_stopped(p, error);
}

/* Up to PROMPTED_SLOTS samples at once, from `first` on. */
static ltm_status write_side_by_side(struct prompted *p, struct sampler *sampler, int first, int n, int length,
                                     prompted_token_fn on_token, void *user, struct ltm_error *error) {
    const int from = start_before(p, (size_t)length);
    int order[PROMPTED_SLOTS];
    int active = n;
    for (int i = 0; i < n; i++) {
        order[i] = i;
        draw(p, first + i, from);
        stand_behind(p, p->draws + i, from);
    }
    int32_t last[PROMPTED_SLOTS];
    for (int i = 0; i < n; i++) last[i] = p->tokens[p->inputs];
    for (int t = 0; t < length && active > 0 && !stopped(p); t++) {
        for (int row = 0; row < active; row++) {
            p->slots[row] = p->draws + order[row];
            p->next[row] = last[order[row]];
        }
        const float *logits = decoder_stream_step(p->stream, p->slots, p->next, active);
        count_loops(p, active);
        int left = 0;
        for (int row = 0; row < active; row++, logits += p->decoder->plan.config.vocab) {
            const int i = order[row];
            const struct random_key key = {.seed = p->options->seed,
                                           .purpose = RANDOM_GENERATE,
                                           .step = (uint32_t)(first + i) + 1,
                                           .sequence = p->number};
            bool more = true;
            last[i] = sampler_pick(sampler, logits, random_uniform(key, (uint32_t)t));
            if (!isfinite(sampler_log_p(sampler, logits, last[i]))) return prompted_fail_nonfinite(p, error);
            ltm_status status = on_token(user, first + i, last[i], &more, error);
            if (status != LTM_OK) return status;
            if (more) order[left++] = i;
        }
        active = left;
    }
    return is_stopped(p, error);
}

ltm_status prompted_write(struct prompted *p, struct sampler *sampler, int samples, int length,
                          prompted_token_fn on_token, void *user, struct ltm_error *error) {
    PASS_UP(read_long(p, length, error));
    for (int first = 0; first < samples; first += PROMPTED_SLOTS) {
        const int n = samples - first < PROMPTED_SLOTS ? samples - first : PROMPTED_SLOTS;
        ltm_status status = write_side_by_side(p, sampler, first, n, length, on_token, user, error);
        if (status != LTM_OK) return status;
    }
    return LTM_OK;
}
