#include "text/token_stream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "ltm/corpus.h"
#include "text/corpus_info.h"

struct shard {
    struct file_map map;
    const uint16_t *tokens;
    int64_t from, count; /* its tokens are [from, from + count) of the stream */
};

struct token_stream {
    struct shard *shards;
    size_t count;
    int64_t tokens;
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "shards are read as they lie on disk, little-endian");

static ltm_status add_shard(struct token_stream *stream, const char *path, struct ltm_error *error) {
    struct shard *shards = realloc(stream->shards, (stream->count + 1) * sizeof *shards);
    if (!shards) return fail_memory(error, sizeof *shards, "the list of shards");
    stream->shards = shards;
    struct shard *shard = &shards[stream->count];
    *shard = (struct shard){.from = stream->tokens};
    PASS_UP(file_map(&shard->map, path, error));
    stream->count++; /* from here on token_stream_close unmaps it */

    int32_t header[SHARD_HEADER_WORDS] = {0};
    size_t size = shard->map.size;
    if (size < sizeof header)
        return fail(error, LTM_CORRUPT, "%s is not a token shard: it has %zu bytes, fewer than the header's %zu", path,
                    size, sizeof header);
    memcpy(header, shard->map.data, sizeof header);
    if (header[0] != SHARD_MAGIC)
        return fail(error, LTM_CORRUPT, "%s is not a token shard: it starts with %d, not %d", path, header[0],
                    SHARD_MAGIC);
    if (header[1] != SHARD_VERSION)
        return fail(error, LTM_CORRUPT, "%s is a token shard of version %d; this ltm reads version %d", path, header[1],
                    SHARD_VERSION);
    if (header[2] < 0 || size - sizeof header != (size_t)header[2] * sizeof(uint16_t))
        return fail(error, LTM_CORRUPT, "%s is damaged: its header says %d tokens, but it contains %zu bytes of them",
                    path, header[2], size - sizeof header);
    shard->tokens = (const uint16_t *)(shard->map.data + sizeof header);
    shard->count = header[2];
    stream->tokens += shard->count;
    return LTM_OK;
}

static bool starts_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

static bool is_bin(const char *name) {
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".bin") == 0;
}

/* Ours: train-*.bin, heldout-*.bin; those of llm.c: *_train_*.bin and *_val_*.bin, or *_train.bin and *_val.bin. */
static bool belongs(const char *name, const char *split, bool ours) {
    if (!is_bin(name)) return false;
    bool train = strcmp(split, "train") == 0;
    if (ours) return starts_with(name, train ? "train-" : "heldout-");
    return strstr(name, train ? "_train_" : "_val_") || strstr(name, train ? "_train.bin" : "_val.bin");
}

static ltm_status add_folder(struct token_stream *stream, const char *corpus, const char *split,
                             struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char **names = NULL;
    size_t count = 0;
    TRY(folder_list(&names, &count, corpus, error));
    for (int ours = 1; ours >= 0 && stream->count == 0; ours--)
        for (size_t i = 0; i < count; i++) {
            char path[SHARD_PATH_MAX];
            if (!belongs(names[i], split, ours)) continue;
            TRY(path_join(path, sizeof path, corpus, names[i], error));
            TRY(add_shard(stream, path, error));
        }
    if (stream->count == 0)
        status = fail(error, LTM_IO, "%s contains no %s split: neither %s-*.bin nor llm.c's *_%s_*.bin", corpus, split,
                      split, strcmp(split, "train") == 0 ? "train" : "val");
cleanup:
    folder_list_free(names, count);
    return status;
}

/* The count reveals a missing or foreign shard. */
static ltm_status check_count(const struct token_stream *stream, const char *corpus, const char *split,
                              struct ltm_error *error) {
    struct ltm_corpus_info info;
    bool known;
    ltm_status status = corpus_info_find(&info, &known, corpus, error);
    if (status != LTM_OK || !known) return status;
    int64_t want = strcmp(split, "train") == 0 ? info.train.tokens : info.heldout.tokens;
    if (stream->tokens == want) return LTM_OK;
    return fail(error, LTM_CORRUPT,
                "the %s shards of %s contain %lld tokens, but " CORPUS_INFO_NAME " says %lld; rebuild the corpus",
                split, corpus, (long long)stream->tokens, (long long)want);
}

ltm_status token_stream_open(struct token_stream **stream, const char *corpus, const char *split,
                             struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *stream = NULL;
    if (strcmp(split, "train") != 0 && strcmp(split, "heldout") != 0)
        return fail(error, LTM_INVALID, "a split is \"train\" or \"heldout\", not \"%s\"", split);
    struct token_stream *new = calloc(1, sizeof *new);
    if (!new) return fail_memory(error, sizeof *new, "the token stream");
    if (folder_exists(corpus)) {
        TRY(add_folder(new, corpus, split, error));
        TRY(check_count(new, corpus, split, error));
    } else {
        TRY(add_shard(new, corpus, error));
    }
    *stream = new;
    return LTM_OK;
cleanup:
    token_stream_close(new);
    return status;
}

void token_stream_close(struct token_stream *stream) {
    if (!stream) return;
    for (size_t i = 0; i < stream->count; i++) file_unmap(&stream->shards[i].map);
    free(stream->shards);
    free(stream);
}

int64_t token_stream_count(const struct token_stream *stream) { return stream->tokens; }

/* The shard that contains token `at`. */
static const struct shard *shard_at(const struct token_stream *stream, int64_t at) {
    size_t low = 0;
    size_t high = stream->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (stream->shards[middle].from <= at)
            low = middle;
        else
            high = middle;
    }
    return &stream->shards[low];
}

void token_stream_read(const struct token_stream *stream, int64_t from, size_t count, int32_t *tokens) {
    const struct shard *shard = count ? shard_at(stream, from) : NULL;
    for (size_t i = 0; i < count; shard++)
        for (int64_t at = from + (int64_t)i - shard->from; at < shard->count && i < count; at++)
            tokens[i++] = shard->tokens[at];
}

int32_t token_stream_largest(const struct token_stream *stream, int64_t from, int64_t count) {
    int32_t largest = -1;
    const struct shard *shard = count ? shard_at(stream, from) : NULL;
    for (int64_t i = 0; i < count; shard++)
        for (int64_t at = from + i - shard->from; at < shard->count && i < count; at++, i++)
            if (shard->tokens[at] > largest) largest = shard->tokens[at];
    return largest;
}
