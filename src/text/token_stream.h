/* One split of a corpus as one run of tokens: its shards, mapped, end to end. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct token_stream;

/* split is "train" or "heldout". The folder holds SPLIT-*.bin (ours) or llm.c shards (*_train_*.bin or
 * *_train.bin, and likewise val); a path to one .bin file serves as either split. LTM_IO, LTM_CORRUPT (magic, version, size
 * against count). */
ltm_status token_stream_open(struct token_stream **stream, const char *corpus, const char *split,
                             struct ltm_error *error);
void token_stream_close(struct token_stream *stream);

int64_t token_stream_count(const struct token_stream *stream);

/* Copy tokens [from, from + count) as int32. The range must lie within the stream. Thread-safe. */
void token_stream_read(const struct token_stream *stream, int64_t from, size_t count, int32_t *tokens);

/* The largest token id in [from, from + count), -1 for an empty range: for checking a shard against a vocabulary.
 */
int32_t token_stream_largest(const struct token_stream *stream, int64_t from, int64_t count);
