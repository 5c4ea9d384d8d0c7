#include "generate/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/chunks.h"

ltm_status history_create(struct history *history, const struct decoder *decoder, struct ltm_error *error) {
    const struct ltm_model_config *model = &decoder->plan.config;
    *history = (struct history){.most = model->sequence, .rolls = model_rolls(model)};
    PASS_UP(NEW_ARRAY(history->tokens, (size_t)history->most + 1, "a text's tokens", error));
    if (!model_streams(model)) return LTM_OK;
    PASS_UP(NEW_ARRAY(history->state, 1, "a text's latents", error));
    return streaming_text_create(history->state, decoder, error);
}

void history_free(struct history *history) {
    if (history->state) streaming_text_free(history->state);
    free(history->state);
    free(history->tokens);
}

void history_start(struct history *history) {
    history->count = 0;
    if (history->state) streaming_text_start(history->state);
}

int history_forget(struct history *history, int keep) {
    const int forgotten = history->count - keep;
    memmove(history->tokens, history->tokens + forgotten, ((size_t)keep + 1) * sizeof *history->tokens);
    history->count = keep;
    if (history->state) streaming_text_forget(history->state, forgotten);
    return forgotten;
}

void history_read(const struct history *history, struct decoder_stream *stream, int slot, struct decoder_pass *pass,
                  const float *z, float *nll) {
    if (history->state) {
        streaming_text_read(history->state, history->tokens, history->count, stream, slot);
        return;
    }
    if (history->count == 0) {
        decoder_stream_begin(stream, slot, z);
        return;
    }
    decoder_begin(pass, history->tokens, history->tokens + 1, 1, history->count);
    decoder_score(pass, z, nll);
    decoder_stream_begin_behind(stream, slot, pass, z);
}

/* In whole chunks where latents stream, so that what z has read and what it has not do not share one. */
static int half(const struct history *history) {
    const int keep = history->most / 2;
    const int chunk = history->state ? model_chunk(history->state->streaming.config) : 1;
    return keep < chunk ? keep : keep - keep % chunk;
}

int history_slide(struct history *history, struct decoder_stream *stream, int slot, struct decoder_pass *pass,
                  const float *z, float *nll) {
    if (history->state) streaming_text_follow(history->state, history->tokens, history->count, stream, slot);
    if (history->count < history->most) return 0;
    const int forgotten = history_forget(history, half(history));
    if (history->rolls) return 0;
    history_read(history, stream, slot, pass, z, nll);
    return forgotten;
}
