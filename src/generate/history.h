/* The context of a text's next token: at most model.sequence tokens. A longer text slides: all except the newest half
 * is dropped, and the rest is read again from position 0, under the same z.
 *
 * With a memory and no latents (model.memory) the stream reads on instead, past model.sequence: text without end at constant cost.
 *
 * Where latents stream, z is the history's own: it moves with what is read and written, and the pass and z of the calls below are not used. */
#pragma once

#include "latent/streaming_text.h"
#include "model/decoder_stream.h"

struct history {
    int32_t *tokens; /* [most + 1]: [0] is the one before them, at first the id that begins a document */
    int count, most;
    bool rolls; /* the stream continues unchanged if the text slides: its memory holds what is forgotten here */
    struct streaming_text *state; /* NULL unless latents stream */
};

ltm_status history_create(struct history *history, const struct decoder *decoder, struct ltm_error *error);
void history_free(struct history *history);

/* Another text, of no token yet; [0] is the caller's to set. */
void history_start(struct history *history);

/* Keep the newest `keep`; returns how many are dropped. */
int history_forget(struct history *history, int keep);

/* The stream's slot behind all but the last of tokens[0 … count]; nll: scratch [count]. */
void history_read(const struct history *history, struct decoder_stream *stream, int slot, struct decoder_pass *pass,
                  const float *z, float *nll);

/* Call before a token is read: moves a streaming z and, if the history is full, makes room for the next token. Returns
 * how many are dropped. */
int history_slide(struct history *history, struct decoder_stream *stream, int slot, struct decoder_pass *pass,
                  const float *z, float *nll);
