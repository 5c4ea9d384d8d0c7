/* Writing token shards.
 *
 * A shard is 256 int32 words — magic 20240520, version 1, token count, zeros — then uint16 tokens, little-endian (the
 * layout that llm.c made common). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/files.h"

enum { SHARD_MAGIC = 20240520, SHARD_VERSION = 1, SHARD_HEADER_WORDS = 256, SHARD_PATH_MAX = 4096 };

/* One split being written: shards of at most `limit` tokens, named SPLIT-00000.bin and so on. */
struct shard_writer {
    const char *folder, *split;
    int64_t limit, held; /* maximum tokens per shard; in the open one */
    int shards;          /* begun */
    bool open;
    struct file_draft draft;
    unsigned long crc, adler; /* of the open shard's tokens */
    char (*checksums)[17];    /* of the shards: checksum_hex of the whole file; shard_writer_drop frees them */
};

struct shard_writer shard_writer_begin(const char *folder, const char *split, int64_t limit);
ltm_status shard_writer_add(struct shard_writer *writer, const uint16_t *tokens, size_t count, struct ltm_error *error);
ltm_status shard_writer_end(struct shard_writer *writer, struct ltm_error *error);
void shard_writer_drop(struct shard_writer *writer); /* always call it: discards an unfinished shard */
