#include "ltm/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/safetensors.h"
#include "config/chunks.h"
#include "generate/healing.h"
#include "generate/sample_text.h"
#include "generate/session_inside.h"
#include "generate/session_mark.h"
#include "math/vector.h"
#include "train/trained_model.h"

enum { TURN = 64 };

static void set_prior(struct ltm_session *s) {
    fast_loop_prior(&s->loop, 1);
    s->fitted = false;
}

static void draw(struct ltm_session *s) {
    const uint32_t number = s->draws++;
    const struct noise_source noise = {{.seed = s->options.seed, .purpose = RANDOM_PRIOR}, &number};
    fast_loop_draw(&s->loop, &noise, 1, 0);
    posterior_sample(s->loop.z, s->loop.mu, s->loop.logvar, s->loop.noise, s->loop.latents);
    history_read(&s->history);
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
    ltm_session_adjust(s, options);
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
    TRY(history_create(&s->history, decoder, &(struct history_reader){s->stream, 0, s->pass, s->loop.z, s->loop.nll},
                       error));
    if (s->history.state) TRY(history_kept_create(&s->turn, &s->history, error));
    if (s->history.rolls) TRY(NEW_ARRAY(s->begin, decoder_stream_slot_bytes(&decoder->plan), "a session", error));
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
    history_free(&session->turn);
    free(session->blank);
    free(session->begin);
    session_mark_free(&session->last);
    session_mark_free(&session->present);
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
    ltm_status status = LTM_OK;
    *slid = 0;
    PASS_UP(encode(s, text, &ids, &n, error));
    const bool reads_on = h->rolls || h->state;
    const bool slides = !reads_on && (size_t)h->count + n > (size_t)T;
    if (slides) { /* half of the sequence stays free for what comes */
        const int most = T / 2 > 0 ? T / 2 : 1;
        if (n > (size_t)most) {
            from = n - (size_t)most;
            *slid += (int)from;
        }
        const int keep = most - (int)(n - from);
        if (keep < h->count) *slid += history_forget(h, keep);
    }
    const bool steps = reads_on || (!slides && n <= HISTORY_STEPS);
    while (from < n && status == LTM_OK) {
        if (!steps)
            h->tokens[++h->count] = ids[from++];
        else if (s->stop && *s->stop)
            status = fail(error, LTM_INTERRUPTED, "the reading of a text was stopped");
        else
            from += history_read_on(h, ids + from, n - from, slid);
    }
    if (!steps) history_read(h);
    free(ids);
    return status;
}

/* A token of a turn, and where the text ends with it. */
struct turn_token {
    int32_t token;
    size_t end;
};

/* Where a memory stands, or a z that has read what is forgotten, cannot be read again: it is kept at the begin of a turn that a stop may
 * take back. */
static void keep_begin(struct ltm_session *s) {
    if (s->options.stop_count == 0) return;
    if (s->history.state) history_keep(&s->turn, &s->history);
    if (!s->begin) return;
    decoder_stream_save(s->stream, 0, s->begin);
    s->begun = s->history.tokens[s->history.count];
}

/* After a stop the history ends before it, with the last token that is all in the text. */
static void forget_stop(struct ltm_session *s, const struct turn_token *turn, int tokens, size_t bytes, bool healed) {
    int kept = tokens;
    while (kept > 0 && turn[kept - 1].end > bytes) kept--;
    s->history.count = tokens - kept < s->history.count ? s->history.count - (tokens - kept) : 0;
    s->heals = healed && kept == 0;
    if (s->begin) {
        (void)decoder_stream_restore(s->stream, 0, s->begin);
        s->history.count = s->history.count > kept ? s->history.count - kept : 0;
        s->history.tokens[s->history.count] = s->begun;
    } else if (s->history.state && s->history.state->forgot) {
        history_copy(&s->history, &s->turn);
    } else {
        history_read(&s->history);
        return;
    }
    for (int i = 0; i < kept; i++) history_append(&s->history, turn[i].token);
}

ltm_status ltm_session_write(struct ltm_session *s, bool (*on_text)(void *, const struct ltm_sample *, size_t),
                             void *user, int *slid, struct ltm_error *error) {
    const int slot = 0;
    struct history *h = &s->history;
    const struct ltm_generate_options *o = &s->options;
    struct ltm_sample sample = {.text = ""};
    struct sample_text text = {0};
    struct turn_token *turn = NULL;
    size_t room = 0;
    const bool healed = s->heals;
    ltm_status status = LTM_OK;
    *slid = 0;
    keep_begin(s);
    for (bool more = true; more && sample.finish == LTM_FINISH_LENGTH && sample.tokens < o->length;) {
        *slid += history_slide(h);
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
        TRY(GROW_ARRAY(turn, room, (size_t)sample.tokens, "a turn", error));
        turn[sample.tokens - 1] = (struct turn_token){token, text.bytes};
        s->heals = false;
        sample.text = text.text;
        if (text.ended && o->stop_at_end) sample.finish = LTM_FINISH_END;
        if (sample_text_stop(&text, o->stops, o->stop_count)) sample.finish = LTM_FINISH_STOP;
        sample.bytes = sample_text_ready(&text, o->stops, o->stop_count);
        if (sample.bytes == text.told) continue;
        more = on_text(user, &sample, sample.bytes - text.told);
        text.told = sample.bytes;
    }
    if (sample.finish == LTM_FINISH_STOP) forget_stop(s, turn, sample.tokens, text.bytes, healed);
    sample.bytes = text.bytes;
    on_text(user, &sample, text.bytes - text.told);
cleanup:
    free(turn);
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

void ltm_session_adjust(struct ltm_session *s, const struct ltm_generate_options *options) {
    s->options.length = options->length ? options->length : TURN;
    s->options.stop_at_end = options->stop_at_end;
    s->options.stops = options->stops;
    s->options.stop_count = options->stop_count;
    s->sampler.temperature = options->temperature;
    s->sampler.top_k = options->top_k;
    s->sampler.top_p = options->top_p;
}

void ltm_session_stop(struct ltm_session *s, const volatile sig_atomic_t *stop) { s->stop = stop; }

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
                                        .begun = decoder_stream_position(s->stream, 0) > 0,
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

/* ---- A session's memory in a file ---- */

#define STATE_FORMAT "ltm-state-1"

static ltm_status check_kept(const struct ltm_session *s, struct ltm_error *error) {
    if (s->begin) return LTM_OK;
    return fail(error, LTM_UNSUPPORTED,
                "the model has no memory whose state could be kept in a file; use one with model.memory and without "
                "latents");
}

static void checksum_weights(char hex[17], const struct ltm_session *s) {
    checksum_hex(hex, s->decoder->weights, s->decoder->plan.table.size * sizeof(float));
}

ltm_status ltm_session_save(const struct ltm_session *s, const char *path, struct ltm_error *error) {
    const size_t bytes = decoder_stream_slot_bytes(&s->decoder->plan);
    char weights[17];
    char sum[17];
    char token[16];
    char picks[16];
    char *state = NULL;
    PASS_UP(check_kept(s, error));
    PASS_UP(NEW_ARRAY(state, bytes, "a session", error));
    decoder_stream_save(s->stream, 0, state);
    checksum_weights(weights, s);
    checksum_hex(sum, state, bytes);
    snprintf(token, sizeof token, "%d", (int)s->history.tokens[s->history.count]);
    snprintf(picks, sizeof picks, "%u", s->picks);
    const struct safetensors_pair metadata[] = {{"format", STATE_FORMAT}, {"weights", weights},
                                                {"checksum", sum},        {"token", token},
                                                {"picks", picks},         {"heals", s->heals ? "1" : "0"}};
    const struct safetensors_tensor tensor = {"state", SAFETENSORS_I32, 1, {(int64_t)(bytes / sizeof(int32_t))}, bytes,
                                              state};
    const ltm_status status = safetensors_write(path, &tensor, 1, metadata, sizeof metadata / sizeof *metadata, error);
    free(state);
    return status;
}

/* A number of the metadata below `most`. */
static ltm_status read_number(uint32_t *number, const struct safetensors *file, const char *key, uint32_t most,
                              const char *path, struct ltm_error *error) {
    const char *text = safetensors_metadata(file, key);
    char *end = NULL;
    const unsigned long value = text ? strtoul(text, &end, 10) : 0;
    if (!text || end == text || *end || value >= most)
        return fail(error, LTM_CORRUPT, "%s is damaged: its %s is not a number below %u", path, key, most);
    *number = (uint32_t)value;
    return LTM_OK;
}

ltm_status ltm_session_load(struct ltm_session *s, const char *path, struct ltm_error *error) {
    const size_t bytes = decoder_stream_slot_bytes(&s->decoder->plan);
    const int64_t shape[1] = {(int64_t)(bytes / sizeof(int32_t))};
    struct safetensors *file = NULL;
    const void *state;
    char weights[17];
    char sum[17];
    uint32_t token = 0;
    uint32_t picks = 0;
    uint32_t heals = 0;
    ltm_status status = LTM_OK;
    PASS_UP(check_kept(s, error));
    TRY(safetensors_open(&file, path, error));
    const char *format = safetensors_metadata(file, "format");
    const char *of = safetensors_metadata(file, "weights");
    const char *expected = safetensors_metadata(file, "checksum");
    checksum_weights(weights, s);
    if (!format || strcmp(format, STATE_FORMAT) != 0)
        TRY(fail(error, LTM_CORRUPT, "%s is not the state of a session (its metadata lacks format = %s)", path,
                 STATE_FORMAT));
    if (!of || strcmp(of, weights) != 0)
        TRY(fail(error, LTM_MISMATCH, "%s is the state of a session with other weights; open it with that checkpoint",
                 path));
    TRY(safetensors_expect(file, "state", SAFETENSORS_I32, 1, shape, &state, error));
    checksum_hex(sum, state, bytes);
    if (!expected || strcmp(expected, sum) != 0)
        TRY(fail(error, LTM_CORRUPT, "%s is damaged: its checksum does not match its numbers", path));
    TRY(read_number(&token, file, "token", (uint32_t)s->decoder->plan.config.vocab, path, error));
    TRY(read_number(&picks, file, "picks", UINT32_MAX, path, error));
    TRY(read_number(&heals, file, "heals", 2, path, error));
    ltm_session_restart(s);
    if (!decoder_stream_restore(s->stream, 0, state))
        TRY(fail(error, LTM_CORRUPT, "%s is damaged: its text ends where none can", path));
    s->history.tokens[0] = (int32_t)token;
    s->picks = picks;
    s->heals = heals;
cleanup:
    safetensors_close(file);
    return status;
}
