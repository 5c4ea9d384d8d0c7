#include "ltm/generate.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "eval/sampler.h"
#include "latent/fast_loop.h"
#include "model/decoder_stream.h"
#include "train/trained_model.h"

struct generation {
    const struct ltm_model *model;
    const struct ltm_generate_options *options;
    ltm_text_fn on_text;
    void *user;
    int32_t *prompt; /* the end-of-sequence id that begins a document, then the prompt's ids */
    int prompt_length, length;
    struct decoder_pass *pass; /* over prompt[0 … n-1]; NULL when the prompt is empty */
    struct fast_loop loop;     /* the posterior fitted on the prompt, or the prior */
    struct decoder_stream *stream;
    struct sampler sampler;
    char held[8]; /* the beginning of a character whose end has not come */
    size_t held_bytes;
};

struct ltm_generate_options ltm_generate_defaults(void) {
    return (struct ltm_generate_options){
        .count = 1, .temperature = 0.8, .top_k = 0, .top_p = 0.95, .seed = 1, .stop_at_end = true};
}

static ltm_status check_options(const struct ltm_generate_options *o, struct ltm_error *error) {
    if (o->count < 1) return fail(error, LTM_INVALID, "count = %d: ask for at least 1 sample", o->count);
    if (o->length < 0) return fail(error, LTM_INVALID, "length = %d is negative; 0 means as many as fit", o->length);
    if (!(o->temperature >= 0 && o->temperature <= 100))
        return fail(error, LTM_INVALID, "temperature = %g is outside 0 … 100", o->temperature);
    if (o->top_k < 0) return fail(error, LTM_INVALID, "top-k = %d is negative; 0 means all tokens", o->top_k);
    if (!(o->top_p > 0 && o->top_p <= 1)) return fail(error, LTM_INVALID, "top-p = %g is outside (0, 1]", o->top_p);
    return LTM_OK;
}

/* Prompt's ids behind the id that begins a document; how many tokens fit behind them. */
static ltm_status read_prompt(struct generation *g, struct ltm_error *error) {
    const struct ltm_tokenizer *tokenizer = g->model->tokenizer;
    const char *text = g->options->prompt ? g->options->prompt : "";
    const int most = g->model->config.model.sequence;
    int32_t *ids = NULL;
    size_t count = 0;
    if (!tokenizer)
        return fail(error, LTM_UNSUPPORTED,
                    "the checkpoint has no tokenizer, so it cannot write text; train on a corpus that has one");
    ltm_status status = ltm_tokenizer_encode(tokenizer, text, strlen(text), &ids, &count, error);
    if (status != LTM_OK) return status;
    if (count + 1 > (size_t)most || (g->options->length > 0 && count + (size_t)g->options->length > (size_t)most)) {
        status =
            fail(error, LTM_INVALID,
                 "a prompt of %zu tokens and %d more are over model.sequence = %d; shorten the prompt or ask for less",
                 count, g->options->length > 0 ? g->options->length : 1, most);
        goto cleanup;
    }
    g->prompt_length = (int)count;
    g->length = g->options->length > 0 ? g->options->length : most - (int)count;
    TRY(NEW_ARRAY(g->prompt, count + 1, "a prompt", error));
    g->prompt[0] = ltm_tokenizer_end(tokenizer);
    if (count) memcpy(g->prompt + 1, ids, count * sizeof *ids);
cleanup:
    free(ids);
    return status;
}

/* q(z | prompt) by the fast loop, or the prior where there is no prompt. */
static ltm_status fit_prompt(struct generation *g, struct ltm_error *error) {
    struct ltm_config config = g->model->config;
    const int n = g->prompt_length;
    const uint32_t number = 0;
    const struct noise_source noise = {{.seed = g->options->seed, .purpose = RANDOM_SCORE_FIT}, &number};
    ltm_status status = fast_loop_create(&g->loop, g->model->decoder, 1, n ? n : 1, error);
    if (status != LTM_OK || n == 0) return status; /* all zero: μ = 0, log σ² = 0 */
    status = decoder_pass_create(&g->pass, g->model->decoder, 1, n, false, error);
    if (status != LTM_OK) return status;
    ltm_config_resolve(&config); /* an older file may lack a rate */
    if (g->options->fast) config.fast = *g->options->fast;
    decoder_begin(g->pass, g->prompt, g->prompt + 1, 1, n);
    fast_loop_start(&g->loop, &config.fast, 1);
    fast_loop_run(&g->loop, g->pass, &config.fast, &noise, 1, n, NULL);
    return LTM_OK;
}

/* How many of the bytes end a character, so that the rest may wait for what completes it. */
static size_t whole_characters(const char *text, size_t bytes) {
    for (size_t back = 1; back <= 3 && back <= bytes; back++) {
        const unsigned char c = (unsigned char)text[bytes - back];
        if ((c & 0xC0) == 0x80) continue; /* inside a character: look further back for its beginning */
        const size_t needs = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
        return needs > back ? bytes - back : bytes;
    }
    return bytes;
}

static ltm_status tell(struct generation *g, int sample, int32_t token, bool *more, struct ltm_error *error) {
    char *text = NULL, joined[4096];
    size_t bytes = 0;
    ltm_status status = ltm_tokenizer_decode(g->model->tokenizer, &token, 1, &text, &bytes, error);
    if (status != LTM_OK) return status;
    if (g->held_bytes + bytes <= sizeof joined) {
        memcpy(joined, g->held, g->held_bytes);
        memcpy(joined + g->held_bytes, text, bytes);
        bytes += g->held_bytes;
        const size_t whole = whole_characters(joined, bytes);
        g->held_bytes = bytes - whole;
        memcpy(g->held, joined + whole, g->held_bytes);
        if (whole) *more = g->on_text(g->user, sample, joined, whole);
    } else
        *more = g->on_text(g->user, sample, text, bytes);
    free(text);
    return LTM_OK;
}

/* z of this sample, and the stream behind the prompt. */
static void begin_sample(struct generation *g, int sample) {
    const uint32_t number = (uint32_t)sample;
    const struct noise_source noise = {{.seed = g->options->seed, .purpose = RANDOM_PRIOR}, &number};
    fast_loop_draw(&g->loop, &noise, 1, 0);
    posterior_sample(g->loop.z, g->loop.mu, g->loop.logvar, g->loop.noise, g->loop.latents);
    g->held_bytes = 0;
    if (!g->pass) {
        decoder_stream_begin(g->stream, g->loop.z);
        return;
    }
    decoder_score(g->pass, g->loop.z, g->loop.nll);
    decoder_stream_begin_behind(g->stream, g->pass, g->loop.z);
}

static ltm_status write_sample(struct generation *g, int sample, bool *more, struct ltm_error *error) {
    const struct random_key key = {.seed = g->options->seed, .purpose = RANDOM_GENERATE, .sequence = (uint32_t)sample};
    const int32_t end = ltm_tokenizer_end(g->model->tokenizer);
    int32_t token = g->prompt[g->prompt_length];
    begin_sample(g, sample);
    for (int i = 0; *more && i < g->length; i++) {
        float *logits = decoder_stream_step(g->stream, token);
        token = sampler_pick(&g->sampler, logits, random_uniform(key, (uint32_t)i));
        if (token >= ltm_tokenizer_vocab(g->model->tokenizer))
            continue; /* model.vocab may be rounded up: such ids are no text */
        if (token == end && g->options->stop_at_end) break;
        ltm_status status = tell(g, sample, token, more, error);
        if (status != LTM_OK) return status;
    }
    if (g->held_bytes && *more) *more = g->on_text(g->user, sample, g->held, g->held_bytes);
    if (*more) *more = g->on_text(g->user, sample, "", 0);
    return LTM_OK;
}

ltm_status ltm_generate(const struct ltm_model *model, const struct ltm_generate_options *options, ltm_text_fn on_text,
                        void *user, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct generation g = {.model = model, .options = options, .on_text = on_text, .user = user};
    bool more = true;
    TRY(check_options(options, error));
    TRY(read_prompt(&g, error));
    TRY(fit_prompt(&g, error));
    TRY(decoder_stream_create(&g.stream, model->decoder, error));
    TRY(sampler_create(&g.sampler, model->decoder->config.vocab, options->temperature, options->top_k, options->top_p,
                       error));
    for (int sample = 0; more && sample < options->count; sample++) TRY(write_sample(&g, sample, &more, error));
cleanup:
    free(g.prompt);
    decoder_pass_free(g.pass);
    decoder_stream_free(g.stream);
    fast_loop_free(&g.loop);
    sampler_free(&g.sampler);
    return status;
}
