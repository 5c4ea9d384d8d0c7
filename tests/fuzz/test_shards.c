/* Fuzz target: token shards alone, and beside a corpus.json. The first byte says which; a corpus is corpus.json, then the shard. */
#define FUZZ_NAME "shards"
#include "fuzz/fuzz.h"

#include "ltm/corpus.h"
#include "ltm/inspect.h"
#include "text/corpus_info.h"
#include "text/token_stream.h"

/* Every token can be read, from wherever one begins. */
static void read_tokens(const char *path, const char *split) {
    enum { AT_ONCE = 64 };
    struct ltm_error error = {0};
    struct token_stream *stream = NULL;
    int32_t tokens[AT_ONCE];
    int32_t largest = -1;
    if (!fuzz_ok(token_stream_open(&stream, path, split, &error), &error)) return;
    const int64_t count = token_stream_count(stream);
    for (int64_t from = 0; from < count; from += AT_ONCE) {
        const size_t now = count - from < AT_ONCE ? (size_t)(count - from) : AT_ONCE;
        token_stream_read(stream, from, now, tokens);
        for (size_t i = 0; i < now; i++) {
            FUZZ_CHECK(tokens[i] >= 0 && tokens[i] < 65536);
            if (tokens[i] > largest) largest = tokens[i];
        }
    }
    FUZZ_CHECK(token_stream_largest(stream, 0, count) == largest);
    token_stream_close(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    struct ltm_corpus_info info;
    char *json = NULL;
    if (size == 0) return 0;
    const bool corpus = *data++ & 1;
    size--;
    if (!corpus) {
        const char *path = fuzz_put("shard.bin", data, size);
        read_tokens(path, "train");
        if (fuzz_ok(ltm_inspect(path, &json, &error), &error)) free(json);
        return 0;
    }
    const struct fuzz_part description = fuzz_part(&data, &size);
    FUZZ_CHECK(folder_create(fuzz_path("corpus"), &error) == LTM_OK);
    fuzz_put("corpus/corpus.json", description.data, description.size);
    fuzz_put("corpus/train-00000.bin", data, size / 4 * 2);
    fuzz_put("corpus/heldout-00000.bin", data, size);
    if (fuzz_ok(corpus_info_read(&info, fuzz_path("corpus"), &error), &error)) {
        FUZZ_CHECK(info.vocab >= 1 && info.vocab <= 65536 && info.train.tokens >= 0 && info.heldout.shards >= 0);
    }
    read_tokens(fuzz_path("corpus"), "train");
    read_tokens(fuzz_path("corpus"), "heldout");
    if (fuzz_ok(ltm_inspect(fuzz_path("corpus"), &json, &error), &error)) free(json);
    return 0;
}
