/* corpus.json: what a corpus holds. */
#pragma once

#include "ltm/corpus.h"
#include "text/shards.h"

#define CORPUS_INFO_NAME "corpus.json"
#define CORPUS_TOKENIZER_NAME "tokenizer.model"

/* Write corpus.json beside the shards; the writers, at their end, know the checksums. `heldout` and `seed` are how the split
 * was drawn. */
ltm_status corpus_info_write(const char *folder, const struct ltm_corpus_info *info, const struct shard_writer *train,
                             const struct shard_writer *held, double heldout, uint64_t seed, struct ltm_error *error);

/* What corpus.json says; LTM_IO when the folder has none (bare shards). */
ltm_status corpus_info_read(struct ltm_corpus_info *info, const char *corpus, struct ltm_error *error);

/* The same; bare shards are no failure, but not *known. */
ltm_status corpus_info_find(struct ltm_corpus_info *info, bool *known, const char *corpus, struct ltm_error *error);
