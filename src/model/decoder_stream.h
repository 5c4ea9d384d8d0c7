/* One token at a time: the decoder with each application's cache of the past (such as the last `window` keys and
 * values), so that the cost of a token does not grow with the length of the text. For generation.
 *
 * A stream has slots, each with a sequence of its own under its own z. A step reads one token in each of the slots that it is
 * given: its products have one row per token and read the weights once for all of them. The result for a
 * slot is bit-identical for any other slots, any slot number and any number of threads (row_products.h). */
#pragma once

#include <stdint.h>

#include "model/decoder.h"
#include "model/stream_weights.h"

struct decoder_stream;

/* Positions leave loops as plan.exit says, set before this. `threads` share each step: useful with a single stream. The
 * weights must outlive it. */
ltm_status decoder_stream_create(struct decoder_stream **stream, const struct stream_weights *weights, int slots,
                                 int threads, struct ltm_error *error);
void decoder_stream_free(struct decoder_stream *stream);

/* What decoder_stream_create will allocate, in bytes. */
size_t decoder_stream_bytes(const struct plan *plan, int slots, int threads);

/* Begin a sequence under z (N_z, d): an empty cache, position 0. */
void decoder_stream_begin(struct decoder_stream *stream, int slot, const float *z);

/* Another z from the next token on; cache and position stay. */
void decoder_stream_renew(struct decoder_stream *stream, int slot, const float *z);

/* Begin behind the first sequence of a pass that has been scored: under z, with its last keys and values, where it ends. */
void decoder_stream_begin_behind(struct decoder_stream *stream, int slot, const struct decoder_pass *pass,
                                 const float *z);

/* Tokens that a slot has read since its begin. */
int64_t decoder_stream_position(const struct decoder_stream *stream, int slot);

/* All that slot `from` has of its text, into slot `to`. */
void decoder_stream_copy(struct decoder_stream *stream, int to, int from);

/* All that a slot has of its text, and back into a slot of a stream of the same model: bytes that do not grow with the text. False if
 * they put the text where none can be. */
size_t decoder_stream_slot_bytes(const struct plan *plan);
void decoder_stream_save(const struct decoder_stream *stream, int slot, char *to);
bool decoder_stream_restore(struct decoder_stream *stream, int slot, const char *from);

/* Read tokens[i] in slots[i], all different, i < count; logits (count, V) of the tokens that follow. Owned by the stream, and
 * the caller may overwrite them. */
float *decoder_stream_step(struct decoder_stream *stream, const int *slots, const int32_t *tokens, int count);

/* How many loops each token of the last step ran, (count), where positions leave loops (plan.exit); else NULL: all. */
const int *decoder_stream_depths(const struct decoder_stream *stream);
