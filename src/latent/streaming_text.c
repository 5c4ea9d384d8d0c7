#include "latent/streaming_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/chunks.h"

ltm_status streaming_text_create(struct streaming_text *text, const struct decoder *decoder, struct ltm_error *error) {
    const int chunk = model_chunk(&decoder->plan.config);
    ltm_status status = LTM_OK;
    TRY(decoder_pass_create(&text->pass, decoder, 1, chunk, false, error));
    TRY(streaming_create(&text->streaming, decoder, 1, error));
    TRY(NEW_ARRAY(text->nll, (size_t)chunk, "a text", error));
    TRY(NEW_ARRAY(text->begun, 2 * text->streaming.latents, "a text", error));
    streaming_text_start(text);
cleanup:
    return status;
}

void streaming_text_free(struct streaming_text *text) {
    decoder_pass_free(text->pass);
    streaming_free(&text->streaming);
    free(text->nll);
    free(text->begun);
    *text = (struct streaming_text){0};
}

size_t streaming_text_bytes(const struct plan *plan) {
    const int chunk = model_chunk(&plan->config);
    return decoder_pass_bytes(plan, 1, chunk, false, false) + streaming_bytes(&plan->config, 1) +
           ((size_t)chunk + 2 * (size_t)plan->config.latents * (size_t)plan->config.dim) * sizeof(float);
}

void streaming_text_start(struct streaming_text *text) {
    streaming_start(&text->streaming, 1);
    text->read = text->known = 0;
    text->forgot = false;
}

void streaming_text_forget(struct streaming_text *text, int tokens) {
    text->known = text->known > tokens ? text->known - tokens : 0;
    text->forgot = text->forgot || tokens > 0;
}

void streaming_text_copy(struct streaming_text *text, const struct streaming_text *from) {
    const size_t n = text->streaming.latents;
    memcpy(text->streaming.u, from->begun, n * sizeof(float));
    memcpy(text->streaming.lambda, from->begun + n, n * sizeof(float));
    text->known = from->begun_known;
    text->forgot = from->forgot;
}

/* The next whole chunk. */
static void read_chunk(struct streaming_text *text, const int32_t *tokens) {
    struct streaming *s = &text->streaming;
    const int chunk = model_chunk(s->config);
    const int32_t *from = tokens + text->read;
    if (text->read)
        decoder_continue(text->pass, from, from + 1, chunk);
    else
        decoder_begin(text->pass, from, from + 1, 1, chunk);
    text->read += chunk;
    if (text->read > text->known && model_moves(s->config)) {
        decoder_latent_gradient(text->pass, s->u, NULL, text->nll, s->dz);
        streaming_step(s, NULL, 1);
        text->known = text->read;
    } else
        decoder_score(text->pass, s->u, text->nll);
}

void streaming_text_read(struct streaming_text *text, const int32_t *tokens, int count, struct decoder_stream *stream,
                         int slot) {
    const int chunk = model_chunk(text->streaming.config);
    if (!text->forgot) streaming_text_start(text);
    if (text->known > count) text->known = count; /* the removed text may have been replaced by other text */
    text->read = 0;
    const size_t n = text->streaming.latents;
    memcpy(text->begun, text->streaming.u, n * sizeof(float));
    memcpy(text->begun + n, text->streaming.lambda, n * sizeof(float));
    text->begun_known = text->known;
    while (count - text->read >= chunk) read_chunk(text, tokens);
    if (text->read)
        decoder_stream_begin_behind(stream, slot, text->pass, text->streaming.u);
    else
        decoder_stream_begin(stream, slot, text->streaming.u);
    for (int i = text->read; i < count; i++) decoder_stream_step(stream, &slot, tokens + i, 1);
}

void streaming_text_follow(struct streaming_text *text, const int32_t *tokens, int count, struct decoder_stream *stream,
                           int slot) {
    if (count - text->read < model_chunk(text->streaming.config)) return;
    read_chunk(text, tokens);
    decoder_stream_renew(stream, slot, text->streaming.u);
}
