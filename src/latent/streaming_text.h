/* One text that is read and written under streaming latents: a slot of a decoder_stream writes its tokens one by one,
 * and after each complete chunk a pass over it moves z. The slot's cache stays; from then on it reads the new z.
 *
 * If the text's beginning is dropped, the rest is read again from position 0, but z keeps its value: only
 * chunks with new text move it. */
#pragma once

#include "latent/streaming.h"
#include "model/decoder_stream.h"

struct streaming_text {
    struct decoder_pass *pass;
    struct streaming streaming; /* of one sequence: u is the present z */
    float *nll;                 /* (latent.chunk) */
    int read;                   /* tokens from the text's first that the pass has read, in whole chunks … */
    int known;                  /* … and that z has */
    bool forgot;                /* some of its beginning */
    float *begun;               /* (2, N_z, d): u and λ when it was last read from its first token … */
    int begun_known;            /* … and the tokens that z had then */
};

ltm_status streaming_text_create(struct streaming_text *text, const struct decoder *decoder, struct ltm_error *error);
void streaming_text_free(struct streaming_text *text);
size_t streaming_text_bytes(const struct plan *plan);

/* Another text. */
void streaming_text_start(struct streaming_text *text);

/* Drops this many tokens of its beginning; it must be read again. */
void streaming_text_forget(struct streaming_text *text, int tokens);

/* The state from which `from` last read its text: reading the same tokens again leaves `text` where that left `from`. */
void streaming_text_copy(struct streaming_text *text, const struct streaming_text *from);

/* Moves the slot past tokens[0 … count - 1], each of which predicts the next one, up to tokens[count]. */
void streaming_text_read(struct streaming_text *text, const int32_t *tokens, int count, struct decoder_stream *stream,
                         int slot);

/* Before the slot reads tokens[count]: z moves if a chunk ends there. */
void streaming_text_follow(struct streaming_text *text, const int32_t *tokens, int count, struct decoder_stream *stream,
                           int slot);
