/* One token at a time: the decoder with a cache of the last `window` keys and values of each layer, so that the cost of a
 * token does not grow with what came before. For generation. */
#ifndef MODEL_DECODER_STREAM_H
#define MODEL_DECODER_STREAM_H

#include <stdint.h>

#include "model/decoder.h"

struct decoder_stream;

ltm_status decoder_stream_create(struct decoder_stream **stream, const struct decoder *decoder,
                                 struct ltm_error *error);
void decoder_stream_free(struct decoder_stream *stream);

/* Begin a sequence under z (N_z, d): an empty cache, position 0. */
void decoder_stream_begin(struct decoder_stream *stream, const float *z);

/* Begin behind the first sequence of a pass that has been scored under the same z: its last keys and values, position T. */
void decoder_stream_begin_behind(struct decoder_stream *stream, const struct decoder_pass *pass, const float *z);

/* Read one token at the next position, which must be below T_max; logits (V) of the token that follows. Owned by the stream. */
float *decoder_stream_step(struct decoder_stream *stream, int32_t token);

#endif
