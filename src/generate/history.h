/* The context of a text's next token: at most model.sequence tokens. A longer text slides: all except the newest half
 * is dropped (whole chunks where latents stream), and the rest is read again from position 0, under the same z.
 *
 * With a memory and no latents (model.memory) the stream reads on instead, past model.sequence: text without end at constant cost.
 *
 * Where latents stream, z is the history's own: it moves with what is read and written, also with what is then dropped, and the reader's
 * pass and z are not used. */
#pragma once

#include "latent/streaming_text.h"
#include "model/decoder_stream.h"

/* What reads a text, all borrowed. */
struct history_reader {
    struct decoder_stream *stream;
    int slot;
    struct decoder_pass *pass; /* over a whole sequence; NULL for a text that begins empty and does not slide */
    const float *z;
    float *nll; /* scratch [most] */
};

enum { HISTORY_STEPS = 64 }; /* tokens that are sooner read one by one than with all that stands before them */

struct history {
    int32_t *tokens; /* [most + 1]: [0] is the one before them, at first the id that begins a document */
    int count, most;
    bool rolls; /* the stream continues unchanged if the text slides: its memory holds what is forgotten here */
    struct streaming_text *state; /* NULL unless latents stream */
    struct history_reader reader;
};

ltm_status history_create(struct history *history, const struct decoder *decoder, const struct history_reader *reader,
                          struct ltm_error *error);
void history_free(struct history *history);

/* Another text, of no token yet; [0] is the caller's to set. */
void history_start(struct history *history);

/* Keep the newest `keep`; returns how many are dropped. */
int history_forget(struct history *history, int keep);

/* The slot behind all but the last of tokens[0 … count]. */
void history_read(const struct history *history);

/* Call before a token is read: moves a streaming z and, if the history is full, makes room for the next token. Returns
 * how many are dropped. */
int history_slide(struct history *history);

/* The text goes on with a token; the one before it is read. Returns how many are dropped. */
int history_append(struct history *history, int32_t token);

/* Another text, ids[0 … count]: reads what a pass can. The rest of it, or what follows a text, is read on piece by piece by
 * history_read_on (model_reads_on), between which a caller may stop; *dropped +=. Both return how many of the tokens the text has gone on
 * with; the result is that of reading them one by one. */
size_t history_begin(struct history *history, const int32_t *ids, size_t count);
size_t history_read_on(struct history *history, const int32_t *ids, size_t count, int *dropped);

/* The text of `from` as that was read by the calls above, without its long way there. */
void history_copy(struct history *history, const struct history *from);

/* A text as it is now, for history_copy to return to where latents stream; elsewhere its slot must be kept beside it. The caller frees it. */
ltm_status history_kept_create(struct history *kept, const struct history *of, struct ltm_error *error);
void history_keep(struct history *kept, const struct history *history);
