/* The tokens that a text's next one follows from: at most model.sequence. A text that grows past them slides: all but the newest half
 * is forgotten, what is left is read again from position 0, under the same z. */
#pragma once

#include "model/decoder_stream.h"

struct history {
    int32_t *tokens; /* [most + 1]: [0] is the one before them, at first the id that begins a document */
    int count, most;
};

ltm_status history_create(struct history *history, int most, struct ltm_error *error);

/* Keep the newest `keep`; returns how many are forgotten. */
int history_forget(struct history *history, int keep);

/* The stream's slot behind all but the last of tokens[0 … count]; nll: scratch [count]. */
void history_read(const struct history *history, struct decoder_stream *stream, int slot, struct decoder_pass *pass,
                  const float *z, float *nll);

/* Where it is full, make room for the next token; returns how many are forgotten. */
int history_slide(struct history *history, struct decoder_stream *stream, int slot, struct decoder_pass *pass,
                  const float *z, float *nll);
