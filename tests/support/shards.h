/* A small corpus of bare llm.c shards: a seeded chain in which each token mostly follows from the one before. */
#ifndef TESTS_SHARDS_H
#define TESTS_SHARDS_H

#include "support/files.h"
#include "support/unit.h"

#include "base/files.h"
#include "base/random.h"

static inline void test_write_shard(const char *path, int count, int vocab, uint32_t which) {
    const struct random_key key = {.seed = 11, .purpose = 98, .sequence = which};
    int32_t header[256] = {20240520, 1, count};
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(header, sizeof header, 1, file), 1);
    uint16_t token = 0;
    for (int i = 0; i < count; i++) {
        const uint32_t bits = random_bits(key, (uint32_t)i);
        token = (uint16_t)((bits % 4 ? token * 7u + 3u : bits >> 8) % (uint32_t)vocab);
        assert_int_equal(fwrite(&token, sizeof token, 1, file), 1);
    }
    assert_int_equal(fclose(file), 0);
}

static inline void test_write_corpus(const char *folder, int train, int heldout, int vocab) {
    char path[1024];
    assert_int_equal(folder_create(folder, NULL), LTM_OK);
    snprintf(path, sizeof path, "%s/tiny_train_000000.bin", folder);
    test_write_shard(path, train, vocab, 0);
    snprintf(path, sizeof path, "%s/tiny_val_000000.bin", folder);
    test_write_shard(path, heldout, vocab, 1);
}

#endif
