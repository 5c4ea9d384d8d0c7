#include "ltm/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/random.h"
#include "generate/sample_text.h"
#include "generate/sampler.h"
#include "latent/fast_loop.h"
#include "math/vector.h"
#include "model/decoder_stream.h"
#include "train/trained_model.h"

enum { TURN = 64, STEP_MOST = 64 };

struct ltm_session {
    const struct ltm_model *model;
    struct ltm_generate_options options;
    struct ltm_fast_config fast;
    struct stream_weights *weights;
    struct decoder_stream *stream; /* has read tokens[0 … count - 1] */
    struct decoder_pass *pass;
    struct fast_loop loop; /* the posterior (or prior), and z */
    struct sampler sampler;
    int32_t *tokens; /* [T_max + 1]: what has been said and not forgotten, behind the id that begins it */
    int count;       /* of them, that id not counted */
    bool fitted;
    uint32_t draws, fits, picks; /* since the seed was set */
};

static int room_of(const struct ltm_session *s) { return s->model->config.model.sequence; }

static void set_prior(struct ltm_session *s) {
    fast_loop_prior(&s->loop, 1);
    s->fitted = false;
}

/* Read everything again, under the present z. */
static void read_again(struct ltm_session *s) {
    if (s->count == 0) {
        decoder_stream_begin(s->stream, 0, s->loop.z);
        return;
    }
    decoder_begin(s->pass, s->tokens, s->tokens + 1, 1, s->count);
    decoder_score(s->pass, s->loop.z, s->loop.nll);
    decoder_stream_begin_behind(s->stream, 0, s->pass, s->loop.z);
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
    const struct decoder *decoder = model->decoder;
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
    TRY(stream_weights_create(&s->weights, decoder, s->options.precision == LTM_PRECISION_BF16, s->options.threads,
                              error));
    TRY(decoder_stream_create(&s->stream, s->weights, 1, stream_team(s->weights, s->options.threads), error));
    TRY(decoder_pass_create(&s->pass, decoder, 1, T, false, error));
    TRY(fast_loop_create(&s->loop, decoder, &s->fast, 1, T, error));
    TRY(sampler_create(&s->sampler, decoder->plan.config.vocab, options->temperature, options->top_k, options->top_p,
                       error));
    TRY(NEW_ARRAY(s->tokens, (size_t)T + 1, "a session", error));
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
    fast_loop_free(&session->loop);
    sampler_free(&session->sampler);
    free(session->tokens);
    free(session);
}

/* Keep the newest `keep` of what has been said. */
static int forget(struct ltm_session *s, int keep) {
    const int dropped = s->count - keep;
    memmove(s->tokens, s->tokens + dropped, ((size_t)keep + 1) * sizeof *s->tokens);
    s->count = keep;
    return dropped;
}

ltm_status ltm_session_say(struct ltm_session *s, const char *text, int *slid, struct ltm_error *error) {
    const int T = room_of(s);
    int32_t *ids = NULL;
    size_t n = 0;
    size_t from = 0;
    *slid = 0;
    PASS_UP(ltm_tokenizer_encode(s->model->tokenizer, text, strlen(text), &ids, &n, error));
    const bool slides = (size_t)s->count + n > (size_t)T;
    if (slides) { /* half of the sequence stays free for what comes */
        const int most = T / 2 > 0 ? T / 2 : 1;
        if (n > (size_t)most) {
            from = n - (size_t)most;
            *slid += (int)from;
        }
        const int keep = most - (int)(n - from);
        if (keep < s->count) *slid += forget(s, keep);
    }
    const bool steps = !slides && n <= STEP_MOST;
    for (; from < n; from++) {
        const int slot = 0;
        if (steps) decoder_stream_step(s->stream, &slot, &s->tokens[s->count], 1);
        s->tokens[++s->count] = ids[from];
    }
    if (!steps) read_again(s);
    free(ids);
    return LTM_OK;
}

ltm_status ltm_session_write(struct ltm_session *s, bool (*on_text)(void *, const struct ltm_sample *, size_t),
                             void *user, int *slid, struct ltm_error *error) {
    const int32_t end = ltm_tokenizer_end(s->model->tokenizer);
    const int slot = 0;
    const int T = room_of(s);
    struct ltm_sample sample = {.text = ""};
    struct sample_text text = {0};
    ltm_status status = LTM_OK;
    size_t told = 0;
    *slid = 0;
    for (bool more = true; more && !sample.ended && sample.tokens < s->options.length;) {
        if (s->count == T) {
            *slid += forget(s, T / 2);
            read_again(s);
        }
        const struct random_key key = {.seed = s->options.seed, .purpose = RANDOM_GENERATE};
        const float *logits = decoder_stream_step(s->stream, &slot, &s->tokens[s->count], 1);
        const int32_t token = sampler_pick(&s->sampler, logits, random_uniform(key, s->picks++));
        const double log_p = sampler_log_p(&s->sampler, logits, token);
        if (!isfinite(log_p)) {
            status = decoder_fail_nonfinite(s->model->decoder, "the model's logits are not finite numbers",
                                            "use a checkpoint from before the training diverged", error);
            break;
        }
        s->tokens[++s->count] = token;
        sample.tokens++;
        sample.log_p += log_p;
        sample.ended = token == end && s->options.stop_at_end;
        TRY(sample_text_append(&text, s->model->tokenizer, token, error));
        sample.text = text.text ? text.text : "";
        sample.bytes = sample_text_whole(&text);
        if (sample.bytes == told) continue;
        more = on_text(user, &sample, sample.bytes - told);
        told = sample.bytes;
    }
    sample.bytes = text.bytes;
    on_text(user, &sample, text.bytes - told);
cleanup:
    free(text.text);
    return status;
}

static ltm_status check_latents(const struct ltm_session *s, struct ltm_error *error) {
    if (s->loop.latents) return LTM_OK;
    return fail(error, LTM_INVALID, "the model has no latents (latent.count = 0): there is no z to fit or draw");
}

ltm_status ltm_session_refit(struct ltm_session *s, struct ltm_error *error) {
    PASS_UP(check_latents(s, error));
    if (s->count == 0) return fail(error, LTM_INVALID, "nothing has been said yet that z could be fitted on");
    const uint32_t number = s->fits++;
    const struct noise_source noise = {{.seed = s->options.seed, .purpose = RANDOM_SCORE_FIT}, &number};
    decoder_begin(s->pass, s->tokens, s->tokens + 1, 1, s->count);
    fast_loop_start(&s->loop, &s->fast, 1);
    fast_loop_run(&s->loop, s->pass, &s->fast, &noise, 1, s->count, NULL);
    s->fitted = !s->loop.diverged[0];
    draw(s);
    if (s->fitted) return LTM_OK;
    return decoder_fail_nonfinite(s->model->decoder, "the fast loop diverged, so z is drawn from the prior",
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
    s->tokens[0] = ltm_tokenizer_end(s->model->tokenizer);
    s->count = 0;
    set_prior(s);
    draw(s);
}

void ltm_session_state(const struct ltm_session *s, struct ltm_session_state *state) {
    const struct ltm_model_config *c = &s->model->config.model;
    const size_t n = s->loop.latents;
    const size_t d = (size_t)c->dim;
    *state = (struct ltm_session_state){.tokens = s->count,
                                        .room = c->sequence,
                                        .layers = c->layers - c->latent_from,
                                        .first_layer = c->latent_from,
                                        .latents = c->latents,
                                        .dim = c->dim,
                                        .fitted = s->fitted};
    if (n == 0) return;
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
