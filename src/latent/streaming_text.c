#include "latent/streaming_text.h"

#include <stdlib.h>

#include "base/memory.h"
#include "config/chunks.h"

ltm_status streaming_text_create(struct streaming_text *text, const struct decoder *decoder, struct ltm_error *error) {
    const int chunk = model_chunk(&decoder->plan.config);
    ltm_status status = LTM_OK;
    TRY(decoder_pass_create(&text->pass, decoder, 1, chunk, false, error));
    TRY(streaming_create(&text->streaming, decoder, 1, error));
    TRY(NEW_ARRAY(text->nll, (size_t)chunk, "a text", error));
    streaming_text_start(text);
cleanup:
    return status;
}

void streaming_text_free(struct streaming_text *text) {
    decoder_pass_free(text->pass);
    streaming_free(&text->streaming);
    free(text->nll);
    *text = (struct streaming_text){0};
}

size_t streaming_text_bytes(const struct plan *plan) {
    const int chunk = model_chunk(&plan->config);
    return decoder_pass_bytes(plan, 1, chunk, false, false) + streaming_bytes(&plan->config, 1) +
           (size_t)chunk * sizeof(float);
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
