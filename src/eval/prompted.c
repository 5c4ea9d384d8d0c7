#include "eval/prompted.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/vector.h"

enum { PROMPT_STEP = 2 }; /* of random keys: where a prompt was fitted (base/random.h) */

ltm_status prompted_create(struct prompted *p, const struct decoder *decoder, const struct prompted_options *options,
                           struct ltm_error *error) {
    const struct ltm_model_config *c = &decoder->config;
    ltm_status status = LTM_OK;
    *p = (struct prompted){.decoder = decoder, .options = options};
    p->streams = c->latents && options->draws > 1 ? options->draws : 1;
    TRY(decoder_pass_create(&p->pass, decoder, 1, c->sequence, false, error));
    TRY(fast_loop_create(&p->loop, decoder, 1, c->sequence, error));
    TRY(decoder_stream_create(&p->stream, decoder, error));
    TRY(NEW_ARRAY(p->behind, (size_t)p->streams, "draws", error));
    for (int k = 0; k < p->streams; k++) TRY(decoder_stream_create(&p->behind[k], decoder, error));
    TRY(NEW_ARRAY(p->tokens, (size_t)c->sequence + 1, "a prompt", error));
    TRY(NEW_ARRAY(p->weights, (size_t)p->streams, "draws", error));
    TRY(NEW_ARRAY(p->mixture, (size_t)c->vocab, "draws", error));
    return LTM_OK;
cleanup:
    prompted_free(p);
    return status;
}

void prompted_free(struct prompted *p) {
    decoder_pass_free(p->pass);
    fast_loop_free(&p->loop);
    decoder_stream_free(p->stream);
    for (int k = 0; p->behind && k < p->streams; k++) decoder_stream_free(p->behind[k]);
    free(p->behind);
    free(p->tokens);
    free(p->weights);
    free(p->mixture);
    free(p->logs);
    *p = (struct prompted){0};
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

void prompted_begin(struct prompted *p, const int32_t *ids, size_t count, int room, uint32_t number) {
    static const struct ltm_fast_config prior = {.init_mu = 0, .init_logvar = 0};
    const size_t most = (size_t)(p->decoder->config.sequence - room) + 1;
    p->cut = count + 1 > most;
    if (p->cut) {
        memcpy(p->tokens, ids + count - most, most * sizeof *ids);
    } else {
        p->tokens[0] = p->options->begin;
        if (count) memcpy(p->tokens + 1, ids, count * sizeof *ids);
    }
    p->inputs = (int)(p->cut ? most : count + 1) - 1;
    p->read_from = -1;
    p->number = number;
    fast_loop_start(&p->loop, p->inputs ? &p->options->fast : &prior, 1);
    if (p->inputs == 0 || p->loop.latents == 0) return;
    const struct noise_source noise = noise_of(p, RANDOM_SCORE_FIT);
    read_prompt(p, 0);
    fast_loop_run(&p->loop, p->pass, &p->options->fast, &noise, 1, p->inputs, NULL);
}

/* The k-th draw of z, and the pass over the prompt from `from` on under it. */
static void draw(struct prompted *p, int k, int from) {
    const struct noise_source noise = noise_of(p, RANDOM_SCORE_NOISE);
    if (p->loop.latents && p->options->draws > 0) {
        fast_loop_draw(&p->loop, &noise, 1, k);
        posterior_sample(p->loop.z, p->loop.mu, p->loop.logvar, p->loop.noise, p->loop.latents);
    } else if (p->loop.latents)
        memcpy(p->loop.z, p->loop.mu, p->loop.latents * sizeof *p->loop.z);
    read_prompt(p, from);
    if (from < p->inputs) decoder_score(p->pass, p->loop.z, p->loop.nll);
}

static void stand_behind(const struct prompted *p, struct decoder_stream *stream, int from) {
    if (from < p->inputs)
        decoder_stream_begin_behind(stream, p->pass, p->loop.z);
    else
        decoder_stream_begin(stream, p->loop.z);
}

/* Logits become probabilities that are not normalised; returns their sum, and log p of a token. */
static float softmax(float *logits, int vocab, int32_t token, double *log_p) {
    const float most = vector_max(logits, (size_t)vocab);
    const double above = (double)logits[token] - (double)most;
    const float sum = vector_exp_sum(logits, most, (size_t)vocab);
    *log_p = above - log((double)sum);
    return sum;
}

static double score_alone(struct prompted *p, const struct continuation *c) {
    int32_t token = p->tokens[p->inputs];
    double sum = 0, log_p;
    for (size_t t = 0; t < c->count; t++) {
        softmax(decoder_stream_step(p->stream, token), p->decoder->config.vocab, c->ids[t], &log_p);
        sum += log_p;
        token = c->ids[t];
    }
    return sum;
}

static double log_mean_exp(const double *logs, int n) {
    double most = logs[0], sum = 0;
    for (int i = 1; i < n; i++) most = logs[i] > most ? logs[i] : most;
    for (int i = 0; i < n; i++) sum += exp(logs[i] - most);
    return most + log(sum / n);
}

/* Every draw's stream through the gold continuation in step: at each token draw k has the weight p(tokens before | z_k) in the
 * mixture's prediction. */
static double score_gold(struct prompted *p, const struct continuation *c, bool *greedy) {
    const int vocab = p->decoder->config.vocab;
    int32_t token = p->tokens[p->inputs];
    *greedy = true;
    for (int k = 0; k < p->streams; k++) p->weights[k] = 0;
    for (size_t t = 0; t < c->count; t++) {
        const double all = log_mean_exp(p->weights, p->streams);
        memset(p->mixture, 0, (size_t)vocab * sizeof *p->mixture);
        for (int k = 0; k < p->streams; k++) {
            double log_p;
            float *logits = decoder_stream_step(p->behind[k], token);
            const float sum = softmax(logits, vocab, c->ids[t], &log_p);
            const float weight = (float)exp(p->weights[k] - all) / sum;
            for (int v = 0; v < vocab; v++) p->mixture[v] += weight * logits[v];
            p->weights[k] += log_p;
        }
        token = c->ids[t];
        *greedy = *greedy && p->mixture[token] >= vector_max(p->mixture, (size_t)vocab);
    }
    return log_mean_exp(p->weights, p->streams);
}

ltm_status prompted_score(struct prompted *p, const struct continuation *continuations, int n, int gold, double *logs,
                          bool *greedy, struct ltm_error *error) {
    const size_t K = (size_t)p->streams, need = K * (size_t)n;
    const int length = p->decoder->config.sequence;
    int from = 0;
    for (int i = 0; i < n; i++) {
        const int over = p->inputs + (int)continuations[i].count - length;
        if (over > from) from = over;
    }
    if (need > p->log_room) {
        free(p->logs);
        p->log_room = 0;
        ltm_status status = NEW_ARRAY(p->logs, need, "scores", error);
        if (status != LTM_OK) return status;
        p->log_room = need;
    }
    for (int k = 0; k < p->streams; k++) {
        draw(p, k, from);
        stand_behind(p, p->behind[k], from);
        for (int i = 0; i < n; i++) {
            if (greedy && i == gold) continue;
            stand_behind(p, p->stream, from);
            p->logs[(size_t)i * K + (size_t)k] = score_alone(p, &continuations[i]);
        }
    }
    for (int i = 0; i < n; i++)
        logs[i] = greedy && i == gold ? score_gold(p, &continuations[i], greedy)
                                      : log_mean_exp(p->logs + (size_t)i * K, p->streams);
    return LTM_OK;
}

ltm_status prompted_write(struct prompted *p, struct sampler *sampler, int sample, int length,
                          prompted_token_fn on_token, void *user, struct ltm_error *error) {
    const struct random_key key = {
        .seed = p->options->seed, .purpose = RANDOM_GENERATE, .step = (uint32_t)sample + 1, .sequence = p->number};
    int32_t token = p->tokens[p->inputs];
    bool more = true;
    draw(p, sample, 0);
    stand_behind(p, p->stream, 0);
    for (int i = 0; more && i < length; i++) {
        float *logits = decoder_stream_step(p->stream, token);
        token = sampler_pick(sampler, logits, random_uniform(key, (uint32_t)i));
        ltm_status status = on_token(user, token, &more, error);
        if (status != LTM_OK) return status;
    }
    return LTM_OK;
}
