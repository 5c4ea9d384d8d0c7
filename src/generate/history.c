#include "generate/history.h"

#include <string.h>

#include "base/memory.h"

ltm_status history_create(struct history *history, int most, struct ltm_error *error) {
    *history = (struct history){.most = most};
    return NEW_ARRAY(history->tokens, (size_t)most + 1, "a text's tokens", error);
}

int history_forget(struct history *history, int keep) {
    const int forgotten = history->count - keep;
    memmove(history->tokens, history->tokens + forgotten, ((size_t)keep + 1) * sizeof *history->tokens);
    history->count = keep;
    return forgotten;
}

void history_read(const struct history *history, struct decoder_stream *stream, int slot, struct decoder_pass *pass,
                  const float *z, float *nll) {
    if (history->count == 0) {
        decoder_stream_begin(stream, slot, z);
        return;
    }
    decoder_begin(pass, history->tokens, history->tokens + 1, 1, history->count);
    decoder_score(pass, z, nll);
    decoder_stream_begin_behind(stream, slot, pass, z);
}

int history_slide(struct history *history, struct decoder_stream *stream, int slot, struct decoder_pass *pass,
                  const float *z, float *nll) {
    if (history->count < history->most) return 0;
    const int forgotten = history_forget(history, history->most / 2);
    history_read(history, stream, slot, pass, z, nll);
    return forgotten;
}
