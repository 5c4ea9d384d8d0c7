#include "inspect/inspect_data.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "ltm/corpus.h"
#include "ltm/tokenizer.h"
#include "text/corpus_info.h"
#include "text/puzzle_file.h"
#include "text/token_stream.h"

enum { SHOWN = 48, COUNTED_AT_ONCE = 1 << 16, JSON_MOST = 64 << 20 };

static void put_integer(json_t *out, const char *key, int64_t value) {
    json_object_set_new(out, key, json_integer(value));
}

ltm_status inspect_read_json(json_t **json, const char *path, struct ltm_error *error) {
    char *text = NULL;
    size_t bytes;
    *json = NULL;
    PASS_UP(file_read_text(&text, &bytes, path, JSON_MOST, error));
    ltm_status status = json_read(json, text, bytes, JSON_REJECT_DUPLICATES, error);
    free(text);
    return status == LTM_CORRUPT ? fail_within(error, status, "%s is damaged", path) : status;
}

/* ---- Shards ---- */

static ltm_status open_tokenizer_beside(struct ltm_tokenizer **tokenizer, const char *path, struct ltm_error *error) {
    char folder[LTM_PATH_MAX];
    char beside[LTM_PATH_MAX];
    const char *slash = strrchr(path, '/');
    *tokenizer = NULL;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    ltm_status status = path_join(beside, sizeof beside, folder, "tokenizer.model", error);
    if (status != LTM_OK || !file_exists(beside)) return status;
    return ltm_tokenizer_open(tokenizer, beside, error);
}

/* Documents end with the tokenizer's end-of-sequence id. */
static ltm_status count_documents(json_t *out, const struct token_stream *stream, int32_t end,
                                  struct ltm_error *error) {
    const int64_t tokens = token_stream_count(stream);
    int64_t documents = 0;
    int32_t *chunk;
    PASS_UP(NEW_ARRAY(chunk, COUNTED_AT_ONCE, "tokens", error));
    for (int64_t from = 0; from < tokens; from += COUNTED_AT_ONCE) {
        const size_t count = (size_t)(tokens - from < COUNTED_AT_ONCE ? tokens - from : COUNTED_AT_ONCE);
        token_stream_read(stream, from, count, chunk);
        for (size_t i = 0; i < count; i++) documents += chunk[i] == end;
    }
    free(chunk);
    put_integer(out, "documents", documents);
    return LTM_OK;
}

/* The first tokens, and their text if it can be decoded. */
static void show_begin(json_t *out, const struct token_stream *stream, const struct ltm_tokenizer *tokenizer) {
    int32_t ids[SHOWN];
    const int64_t tokens = token_stream_count(stream);
    const size_t count = tokens < SHOWN ? (size_t)tokens : SHOWN;
    char *text = NULL;
    size_t bytes;
    json_t *list = json_array();
    token_stream_read(stream, 0, count, ids);
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_integer(ids[i]));
    json_object_set_new(out, "first_tokens", list);
    if (tokenizer && ltm_tokenizer_decode(tokenizer, ids, count, &text, &bytes, NULL) == LTM_OK)
        json_object_set_new(out, "first_text", json_stringn(text, bytes)); /* left out if it is not UTF-8 */
    free(text);
}

ltm_status inspect_shard(json_t *out, const char *path, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct token_stream *stream = NULL;
    struct ltm_tokenizer *tokenizer = NULL;
    TRY(token_stream_open(&stream, path, "train", error));
    TRY(open_tokenizer_beside(&tokenizer, path, error));
    put_integer(out, "tokens", token_stream_count(stream));
    put_integer(out, "largest_token", token_stream_largest(stream, 0, token_stream_count(stream)));
    if (tokenizer) TRY(count_documents(out, stream, ltm_tokenizer_end(tokenizer), error));
    show_begin(out, stream, tokenizer);
cleanup:
    ltm_tokenizer_close(tokenizer);
    token_stream_close(stream);
    return status;
}

/* ---- Corpora ---- */

/* Checks that every shard listed in corpus.json is unchanged. */
static ltm_status verify_shards(const json_t *split, const char *folder, struct ltm_error *error) {
    size_t i;
    json_t *shard;
    json_array_foreach(json_object_get(split, "shards"), i, shard) {
        const char *name = json_string_value(json_object_get(shard, "file"));
        const char *expected = json_string_value(json_object_get(shard, "checksum"));
        char path[LTM_PATH_MAX];
        char hex[17];
        if (!name || !expected || strchr(name, '/'))
            return fail(error, LTM_CORRUPT, "%s/corpus.json is damaged: a shard lacks its name or checksum", folder);
        PASS_UP(path_join(path, sizeof path, folder, name, error));
        PASS_UP(checksum_file(hex, path, error));
        if (strcmp(hex, expected) != 0)
            return fail(error, LTM_CORRUPT, "%s is damaged: its checksum is %s, not %s; build the corpus again", path,
                        hex, expected);
    }
    return LTM_OK;
}

static json_t *split_json(const struct ltm_corpus_split_info *split) {
    return json_pack("{s:I, s:I, s:I, s:i}", "documents", (json_int_t)split->documents, "tokens",
                     (json_int_t)split->tokens, "bytes", (json_int_t)split->bytes, "shards", split->shards);
}

static ltm_status inspect_our_corpus(json_t *out, const char *folder, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct ltm_corpus_info info;
    json_t *all = NULL;
    char path[LTM_PATH_MAX];
    TRY(corpus_info_read(&info, folder, error));
    TRY(path_join(path, sizeof path, folder, "corpus.json", error));
    TRY(inspect_read_json(&all, path, error));
    TRY(verify_shards(json_object_get(all, "train"), folder, error));
    TRY(verify_shards(json_object_get(all, "heldout"), folder, error));
    put_integer(out, "vocab", info.vocab);
    json_object_set_new(out, "tokenizer_digest", json_string(info.tokenizer_digest));
    json_object_set_new(out, "train", split_json(&info.train));
    json_object_set_new(out, "heldout", split_json(&info.heldout));
    json_object_set_new(out, "checksums", json_string("verified"));
cleanup:
    json_decref(all);
    return status;
}

ltm_status inspect_corpus(json_t *out, const char *folder, struct ltm_error *error) {
    static const char *const splits[] = {"train", "heldout"};
    char path[LTM_PATH_MAX];
    PASS_UP(path_join(path, sizeof path, folder, "corpus.json", error));
    if (file_exists(path)) return inspect_our_corpus(out, folder, error);
    for (int i = 0; i < 2; i++) {
        struct token_stream *stream;
        PASS_UP(token_stream_open(&stream, folder, splits[i], error));
        json_object_set_new(out, splits[i], json_pack("{s:I}", "tokens", (json_int_t)token_stream_count(stream)));
        token_stream_close(stream);
    }
    return LTM_OK;
}

/* ---- Puzzles ---- */

static int puzzle_order(const void *a, const void *b) {
    const struct puzzle *p = a;
    const struct puzzle *q = b;
    if (p->kind != q->kind) return (int)p->kind - (int)q->kind;
    if (p->rows != q->rows) return p->rows - q->rows;
    if (p->columns != q->columns) return p->columns - q->columns;
    return p->difficulty - q->difficulty;
}

/* Every puzzle is checked; how many there are of each kind, size and difficulty. */
ltm_status inspect_puzzles(json_t *out, const char *path, struct ltm_error *error) {
    struct puzzle_list list;
    PASS_UP(puzzle_file_read(path, &list, error));
    json_t *sorts = json_array();
    put_integer(out, "puzzles", (int64_t)list.count);
    qsort(list.all, list.count, sizeof *list.all, puzzle_order);
    for (size_t from = 0, to; from < list.count; from = to) {
        const struct puzzle *puzzle = &list.all[from];
        for (to = from; to < list.count && puzzle_order(puzzle, &list.all[to]) == 0;) to++;
        json_array_append_new(sorts, json_pack("{s:s, s:i, s:i, s:i, s:I}", "kind", puzzle_kind_names[puzzle->kind],
                                               "rows", puzzle->rows, "columns", puzzle->columns, "difficulty",
                                               puzzle->difficulty, "puzzles", (json_int_t)(to - from)));
    }
    json_object_set_new(out, "sorts", sorts);
    puzzle_list_free(&list);
    return LTM_OK;
}

/* ---- Tokenizers and tensors ---- */

ltm_status inspect_tokenizer(json_t *out, const char *path, struct ltm_error *error) {
    struct ltm_tokenizer *tokenizer;
    PASS_UP(ltm_tokenizer_open(&tokenizer, path, error));
    put_integer(out, "vocab", ltm_tokenizer_vocab(tokenizer));
    put_integer(out, "end", ltm_tokenizer_end(tokenizer));
    json_object_set_new(out, "digest", json_string(ltm_tokenizer_digest(tokenizer)));
    ltm_tokenizer_close(tokenizer);
    return LTM_OK;
}

static void put_metadata(void *user, const char *key, const char *value) {
    json_object_set_new(user, key, json_string(value));
}

ltm_status inspect_safetensors(json_t *out, const char *path, struct ltm_error *error) {
    struct safetensors *file;
    PASS_UP(safetensors_open(&file, path, error));
    json_t *tensors = json_array();
    json_t *metadata = json_object();
    int64_t numbers = 0;
    int64_t bytes = 0;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const struct safetensors_tensor *tensor = safetensors_at(file, i);
        json_t *shape = json_array();
        int64_t count = 1;
        for (int j = 0; j < tensor->rank; j++) {
            count *= tensor->shape[j]; /* no overflow: it matched the file's bytes */
            json_array_append_new(shape, json_integer(tensor->shape[j]));
        }
        numbers += count;
        bytes += (int64_t)tensor->bytes;
        json_array_append_new(tensors, json_pack("{s:s, s:s, s:o}", "name", tensor->name, "dtype",
                                                 safetensors_dtype(file, i), "shape", shape));
    }
    safetensors_each_metadata(file, put_metadata, metadata);
    put_integer(out, "numbers", numbers);
    put_integer(out, "bytes", bytes);
    json_object_set_new(out, "metadata", metadata);
    json_object_set_new(out, "tensors", tensors);
    safetensors_close(file);
    return LTM_OK;
}
