/* corpus.json: the contents of a corpus. */
#pragma once

#include "ltm/corpus.h"
#include "text/shards.h"

#define CORPUS_INFO_NAME "corpus.json"
#define CORPUS_TOKENIZER_NAME "tokenizer.model"

/* Write corpus.json beside the shards; the finished writers know the checksums. `heldout` and `seed` are those of
 * the split. */
ltm_status corpus_info_write(const char *folder, const struct ltm_corpus_info *info, const struct shard_writer *train,
                             const struct shard_writer *held, double heldout, uint64_t seed, struct ltm_error *error);

/* Reads corpus.json; LTM_IO if the folder has none (bare shards). */
ltm_status corpus_info_read(struct ltm_corpus_info *info, const char *corpus, struct ltm_error *error);

/* The same; bare shards are not a failure, but leave *known false. */
ltm_status corpus_info_find(struct ltm_corpus_info *info, bool *known, const char *corpus, struct ltm_error *error);
