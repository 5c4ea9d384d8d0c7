#include "ltm/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/chunks.h"
#include "generate/healing.h"
#include "generate/history.h"
#include "generate/sample_text.h"
#include "generate/sampler.h"
#include "latent/fast_loop.h"
#include "math/vector.h"
#include "train/trained_model.h"

enum { TURN = 64, STEP_MOST = 64 };

struct ltm_session {
    const struct ltm_model *model;
    struct decoder *decoder; /* its weights, with the exits asked for */
    struct ltm_generate_options options;
    struct ltm_fast_config fast;
    struct stream_weights *weights;
    struct decoder_stream *stream; /* has read all of the history but its last token */
    struct decoder_pass *pass;
    struct fast_loop loop; /* the posterior (or prior), and z */
    struct sampler sampler;
    struct history history; /* what has been said and not forgotten */
    bool *blank;            /* [vocab]: pieces that begin with a blank, or NULL */
    bool heals;             /* a blank ends what has been said, and is not read yet */
    bool fitted;
    uint32_t draws, fits, picks; /* since the seed was set */
};

static void set_prior(struct ltm_session *s) {
    fast_loop_prior(&s->loop, 1);
    s->fitted = false;
}

/* Read everything again, under the present z. */
static void read_again(struct ltm_session *s) {
    history_read(&s->history, s->stream, 0, s->pass, s->loop.z, s->loop.nll);
}

static void draw(struct ltm_session *s) {
    const uint32_t number = s->draws++;
    const struct noise_source noise = {{.seed = s->options.seed, .purpose = RANDOM_PRIOR}, &number};
    fast_loop_draw(&s->loop, &noise, 1, 0);
    posterior_sample(s->loop.z, s->loop.mu, s->loop.logvar, s->loop.noise, s->loop.latents);
    read_again(s);
}

ltm_status ltm_session_open(struct ltm_session **session, const struct ltm_model *model,
                            const struct ltm_generate_options *options, struct ltm_error *error) {
    const int T = model->config.model.sequence;
    struct ltm_config config = model->config;
    struct ltm_session *s = NULL;
    ltm_status status = LTM_OK;
    *session = NULL;
    if (!model->tokenizer)
        return fail(error, LTM_UNSUPPORTED,
                    "the checkpoint has no tokenizer, so it cannot write text; train on a corpus that has one");
    TRY(NEW_ARRAY(s, 1, "a session", error));
    s->model = model;
    s->options = *options;
    if (s->options.length == 0) s->options.length = TURN;
    if (s->options.threads == LTM_AUTO) s->options.threads = processors_granted("");
    if (s->options.precision == LTM_PRECISION_AUTO) s->options.precision = config.run.precision;
    ltm_config_resolve(&config); /* an older file may lack a rate */
    s->fast = options->fast ? *options->fast : config.fast;
    TRY(decoder_share(&s->decoder, model->decoder, 0, error));
    TRY(decoder_leave_early(s->decoder, options->exit, error));
    const struct decoder *decoder = s->decoder;
    TRY(stream_weights_create(&s->weights, decoder, s->options.precision == LTM_PRECISION_BF16, s->options.threads,
                              error));
    TRY(decoder_stream_create(&s->stream, s->weights, 1, stream_team(s->weights, s->options.threads), error));
    if (!model_streams(&decoder->plan.config)) TRY(decoder_pass_create(&s->pass, decoder, 1, T, false, error));
    TRY(fast_loop_create(&s->loop, decoder, &s->fast, 1, T, error));
    TRY(sampler_create(&s->sampler, decoder->plan.config.vocab, options->temperature, options->top_k, options->top_p,
                       error));
    TRY(history_create(&s->history, decoder, error));
    TRY(healing_pieces(&s->blank, model->tokenizer, decoder->plan.config.vocab, error));
    ltm_session_restart(s);
    *session = s;
    return LTM_OK;
cleanup:
    ltm_session_close(s);
    return status;
}

void ltm_session_close(struct ltm_session *session) {
    if (!session) return;
    decoder_stream_free(session->stream);
    stream_weights_free(session->weights);
    decoder_pass_free(session->pass);
    decoder_free(session->decoder);
    fast_loop_free(&session->loop);
    sampler_free(&session->sampler);
    history_free(&session->history);
    free(session->blank);
    free(session);
}

/* Text to ids; a blank at its end waits for what follows it, be that drawn or said. */
static ltm_status encode(struct ltm_session *s, const char *text, int32_t **ids, size_t *n, struct ltm_error *error) {
    char *whole = NULL;
    PASS_UP(NEW_ARRAY(whole, strlen(text) + 2, "a text", error));
    const size_t bytes = (size_t)sprintf(whole, "%s%s", s->heals ? " " : "", text);
    const bool heals = healing_wanted(s->blank, whole, bytes);
    const ltm_status status = ltm_tokenizer_encode(s->model->tokenizer, whole, bytes - heals, ids, n, error);
    if (status == LTM_OK) s->heals = heals;
    free(whole);
    return status;
}

ltm_status ltm_session_say(struct ltm_session *s, const char *text, int *slid, struct ltm_error *error) {
    struct history *h = &s->history;
    const int T = h->most;
    int32_t *ids = NULL;
    size_t n = 0;
    size_t from = 0;
    *slid = 0;
    PASS_UP(encode(s, text, &ids, &n, error));
    const bool slides = (size_t)h->count + n > (size_t)T;
    if (slides) { /* half of the sequence stays free for what comes */
        const int most = T / 2 > 0 ? T / 2 : 1;
        if (n > (size_t)most) {
            from = n - (size_t)most;
            *slid += (int)from;
        }
        const int keep = most - (int)(n - from);
        if (keep < h->count) *slid += history_forget(h, keep);
    }
    const bool steps = !slides && n <= STEP_MOST;
    for (; from < n; from++) {
        const int slot = 0;
        if (steps) {
            history_slide(h, s->stream, slot, s->pass, s->loop.z, s->loop.nll); /* there is room: only z may move */
            decoder_stream_step(s->stream, &slot, &h->tokens[h->count], 1);
        }
        h->tokens[++h->count] = ids[from];
    }
    if (!steps) read_again(s);
    free(ids);
    return LTM_OK;
}

/* After a stop the history ends before it, with the last token that is all in the text. `ends`: where the text of each token ends. */
static void forget_stop(struct ltm_session *s, const size_t *ends, int tokens, size_t bytes, bool healed) {
    int kept = tokens;
    while (kept > 0 && ends[kept - 1] > bytes) kept--;
    s->history.count = tokens - kept < s->history.count ? s->history.count - (tokens - kept) : 0;
    s->heals = healed && kept == 0;
    read_again(s);
}

ltm_status ltm_session_write(struct ltm_session *s, bool (*on_text)(void *, const struct ltm_sample *, size_t),
                             void *user, int *slid, struct ltm_error *error) {
    const int slot = 0;
    struct history *h = &s->history;
    const struct ltm_generate_options *o = &s->options;
    struct ltm_sample sample = {.text = ""};
    struct sample_text text = {0};
    size_t *ends = NULL;
    size_t room = 0;
    const bool healed = s->heals;
    ltm_status status = LTM_OK;
    *slid = 0;
    for (bool more = true; more && sample.finish == LTM_FINISH_LENGTH && sample.tokens < o->length;) {
        *slid += history_slide(h, s->stream, slot, s->pass, s->loop.z, s->loop.nll);
        const struct random_key key = {.seed = o->seed, .purpose = RANDOM_GENERATE};
        const float *logits = decoder_stream_step(s->stream, &slot, &h->tokens[h->count], 1);
        s->sampler.only = s->heals ? s->blank : NULL;
        const int32_t token = sampler_pick(&s->sampler, logits, random_uniform(key, s->picks++));
        const double log_p = sampler_log_p(&s->sampler, logits, token);
        if (!isfinite(log_p)) {
            status = decoder_fail_nonfinite(s->model->decoder, "the model's logits are not finite",
                                            "use a checkpoint from before the training diverged", error);
            break;
        }
        h->tokens[++h->count] = token;
        sample.tokens++;
        sample.log_p += log_p;
        const int *depth = decoder_stream_depths(s->stream);
        sample.depth += ((depth ? *depth : plan_loops(&s->decoder->plan)) - sample.depth) / sample.tokens;
        TRY(sample_text_append(&text, s->model->tokenizer, token, s->heals, error));
        TRY(GROW_ARRAY(ends, room, (size_t)sample.tokens, "a turn", error));
        ends[sample.tokens - 1] = text.bytes;
        s->heals = false;
        sample.text = text.text;
        if (text.ended && o->stop_at_end) sample.finish = LTM_FINISH_END;
        if (sample_text_stop(&text, o->stops, o->stop_count)) sample.finish = LTM_FINISH_STOP;
        sample.bytes = sample_text_ready(&text, o->stops, o->stop_count);
        if (sample.bytes == text.told) continue;
        more = on_text(user, &sample, sample.bytes - text.told);
        text.told = sample.bytes;
    }
    if (sample.finish == LTM_FINISH_STOP) forget_stop(s, ends, sample.tokens, text.bytes, healed);
    sample.bytes = text.bytes;
    on_text(user, &sample, text.bytes - text.told);
cleanup:
    free(ends);
    free(text.text);
    return status;
}

static ltm_status check_latents(const struct ltm_session *s, struct ltm_error *error) {
    if (s->loop.latents) return decoder_expect_fitted(s->model->decoder, "fitting or drawing z", error);
    return fail(error, LTM_INVALID, "the model has no latents (latent.count = 0): there is no z to fit or draw");
}

ltm_status ltm_session_refit(struct ltm_session *s, struct ltm_error *error) {
    PASS_UP(check_latents(s, error));
    if (s->history.count == 0) return fail(error, LTM_INVALID, "there is no text yet to fit z on");
    const uint32_t number = s->fits++;
    const struct noise_source noise = {{.seed = s->options.seed, .purpose = RANDOM_SCORE_FIT}, &number};
    decoder_begin(s->pass, s->history.tokens, s->history.tokens + 1, 1, s->history.count);
    fast_loop_start(&s->loop, &s->fast, 1);
    fast_loop_run(&s->loop, s->pass, &s->fast, &noise, 1, s->history.count, NULL);
    s->fitted = !s->loop.diverged[0];
    draw(s);
    if (s->fitted) return LTM_OK;
    return decoder_fail_nonfinite(s->model->decoder, "the fast loop diverged; z is drawn from the prior",
                                  "use a lower fast.lr", error);
}

ltm_status ltm_session_redraw(struct ltm_session *s, struct ltm_error *error) {
    ltm_status status = check_latents(s, error);
    if (status == LTM_OK) draw(s);
    return status;
}

void ltm_session_seed(struct ltm_session *s, uint64_t seed) {
    s->options.seed = seed;
    s->draws = s->fits = s->picks = 0;
}

void ltm_session_restart(struct ltm_session *s) {
    s->history.tokens[0] = ltm_tokenizer_end(s->model->tokenizer);
    history_start(&s->history);
    s->heals = false;
    set_prior(s);
    draw(s);
}

/* What the state has become, as a posterior: how far each number has moved, and its precision. */
static void look_at_state(const struct ltm_session *s) {
    const struct streaming *state = &s->history.state->streaming;
    const size_t bytes = s->loop.latents * sizeof(float);
    memcpy(s->loop.mu, state->u, bytes);
    memcpy(s->loop.z, state->u, bytes);
    for (size_t i = 0; i < s->loop.latents; i++) s->loop.logvar[i] = -logf(state->lambda[i]);
}

void ltm_session_state(const struct ltm_session *s, struct ltm_session_state *state) {
    const struct ltm_model_config *c = &s->model->config.model;
    const size_t n = s->loop.latents;
    const size_t d = (size_t)c->dim;
    *state = (struct ltm_session_state){.tokens = s->history.count,
                                        .room = c->sequence,
                                        .layers = c->layers - c->latent_from,
                                        .first_layer = c->latent_from,
                                        .latents = c->latents,
                                        .dim = c->dim,
                                        .fitted = s->fitted,
                                        .streams = s->history.state != NULL};
    if (n == 0) return;
    if (s->history.state) look_at_state(s);
    state->kl = posterior_kl(s->loop.mu, s->loop.logvar, n);
    for (size_t i = 0; i < n; i++) state->mean_sigma += exp(0.5 * (double)s->loop.logvar[i]) / (double)n;
    for (size_t i = 0; i < n; i += d)
        state->mean_norm += sqrt(vector_sum_squares(s->loop.mu + i, d)) / (double)c->latents;
}

void ltm_session_norms(const struct ltm_session *s, int layer, double *norms) {
    const struct ltm_model_config *c = &s->model->config.model;
    const int each = c->latents / (c->layers - c->latent_from);
    for (int i = 0; i < each; i++)
        norms[i] = sqrt(vector_sum_squares(s->loop.z + (size_t)((layer - c->latent_from) * each + i) * (size_t)c->dim,
                                           (size_t)c->dim));
}
