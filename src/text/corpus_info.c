#include "text/corpus_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum { CORPUS_FORMAT = 1, INFO_MOST = 64 * 1024 * 1024, CORPUS_VOCAB_MOST = 65536 /* tokens are uint16 */ };

static ltm_status split_to_json(json_t **json, const struct shard_writer *writer,
                                const struct ltm_corpus_split_info *info, struct ltm_error *error) {
    json_t *shards = json_array();
    for (int i = 0; i < writer->shards; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s-%05d.bin", writer->split, i);
        json_array_append_new(shards, json_pack("{ss ss}", "file", name, "checksum", writer->checksums[i]));
    }
    *json = json_pack("{sI sI sI sO}", "documents", (json_int_t)info->documents, "tokens", (json_int_t)info->tokens,
                      "bytes", (json_int_t)info->bytes, "shards", shards);
    json_decref(shards);
    return *json ? LTM_OK : json_fail_memory(CORPUS_INFO_NAME, error);
}

ltm_status corpus_info_write(const char *folder, const struct ltm_corpus_info *info, const struct shard_writer *train,
                             const struct shard_writer *held, double heldout, uint64_t seed, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    json_t *train_json = NULL;
    json_t *held_json = NULL;
    json_t *all = NULL;
    char *text = NULL;
    char path[SHARD_PATH_MAX];
    char seed_text[24];
    TRY(split_to_json(&train_json, train, &info->train, error));
    TRY(split_to_json(&held_json, held, &info->heldout, error));
    snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed); /* JSON's integers are signed */
    all = json_pack("{si si ss sf ss sO sO}", "format", CORPUS_FORMAT, "vocab", info->vocab, "tokenizer_digest",
                    info->tokenizer_digest, "heldout_share", heldout, "seed", seed_text, "train", train_json, "heldout",
                    held_json);
    text = all ? json_text(all, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
    if (!text) TRY(json_fail_memory(CORPUS_INFO_NAME, error));
    TRY(path_join(path, sizeof path, folder, CORPUS_INFO_NAME, error));
    TRY(file_write_text(path, text, error));
cleanup:
    free(text);
    json_decref(train_json);
    json_decref(held_json);
    json_decref(all);
    return status;
}

/* Counts are checked where they are read: a hand-edited file must not turn into a negative size. */
static bool split_from_json(struct ltm_corpus_split_info *info, json_t *json) {
    json_int_t documents;
    json_int_t tokens;
    json_int_t bytes;
    json_t *shards;
    if (json_unpack(json, "{sI sI sI so}", "documents", &documents, "tokens", &tokens, "bytes", &bytes, "shards",
                    &shards) != 0 ||
        !json_is_array(shards) || documents < 0 || tokens < 0 || bytes < 0)
        return false;
    *info = (struct ltm_corpus_split_info){
        .documents = documents, .tokens = tokens, .bytes = bytes, .shards = (int)json_array_size(shards)};
    return true;
}

ltm_status corpus_info_read(struct ltm_corpus_info *info, const char *corpus, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char *text = NULL;
    char path[SHARD_PATH_MAX];
    const char *digest = NULL;
    size_t bytes = 0;
    int format = 0;
    json_int_t vocab = 0;
    json_t *json = NULL;
    json_t *train;
    json_t *held;
    *info = (struct ltm_corpus_info){0};
    TRY(path_join(path, sizeof path, corpus, CORPUS_INFO_NAME, error));
    TRY(file_read_text(&text, &bytes, path, INFO_MOST, error));
    status = json_read(&json, text, bytes, JSON_REJECT_DUPLICATES, error);
    if (status == LTM_CORRUPT) fail_within(error, status, "%s is damaged", path);
    if (status != LTM_OK) goto cleanup;
    if (json_unpack(json, "{si}", "format", &format) == 0 && format != CORPUS_FORMAT)
        TRY(fail(error, LTM_UNSUPPORTED, "%s has format %d; this ltm reads format %d", path, format, CORPUS_FORMAT));
    if (json_unpack(json, "{si sI ss so so}", "format", &format, "vocab", &vocab, "tokenizer_digest", &digest, "train",
                    &train, "heldout", &held) != 0 ||
        !split_from_json(&info->train, train) || !split_from_json(&info->heldout, held) || vocab < 1 ||
        vocab > CORPUS_VOCAB_MOST || strlen(digest) >= sizeof info->tokenizer_digest) {
        TRY(json_memory("a corpus's description", error)); /* which json_unpack needs too */
        TRY(fail(error, LTM_CORRUPT, "%s is damaged: it lacks a key, or a value has the wrong type", path));
    }
    info->vocab = (int)vocab;
    snprintf(info->tokenizer_digest, sizeof info->tokenizer_digest, "%s", digest);
cleanup:
    json_decref(json);
    free(text);
    return status;
}

ltm_status corpus_info_find(struct ltm_corpus_info *info, bool *known, const char *corpus, struct ltm_error *error) {
    char path[SHARD_PATH_MAX];
    *info = (struct ltm_corpus_info){0};
    *known = false;
    ltm_status status = path_join(path, sizeof path, corpus, CORPUS_INFO_NAME, error);
    if (status != LTM_OK || !file_exists(path)) return status;
    status = corpus_info_read(info, corpus, error);
    *known = status == LTM_OK;
    return status;
}
