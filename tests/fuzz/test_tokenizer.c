/* Fuzz target: SentencePiece models. A text to encode, then the model. SentencePiece itself is a library that no sanitizer sees
 * into: whatever reaches it was looked through by tokenizer/model_check.cc. */
#define FUZZ_NAME "tokenizer"
#define FUZZ_MUTATIONS 150
#include "fuzz/fuzz.h"

#include "ltm/tokenizer.h"

static void encode_and_back(const struct ltm_tokenizer *tokenizer, const char *text, size_t bytes) {
    struct ltm_error error = {0};
    int32_t *ids = NULL;
    size_t count = 0;
    size_t length = 0;
    size_t pieces = 0;
    char *back = NULL;
    if (!fuzz_ok(ltm_tokenizer_encode(tokenizer, text, bytes, &ids, &count, &error), &error)) return;
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(ids[i] >= 0 && ids[i] < ltm_tokenizer_vocab(tokenizer));
        pieces += ltm_tokenizer_piece_bytes(tokenizer, ids[i]);
    }
    if (fuzz_ok(ltm_tokenizer_decode(tokenizer, ids, count, &back, &length, &error), &error))
        FUZZ_CHECK(length == pieces && back[length] == 0);
    free(back);
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    struct ltm_tokenizer *tokenizer = NULL;
    const struct fuzz_part text = fuzz_part(&data, &size);
    const char *path = fuzz_put("tokenizer.model", data, size);
    if (!fuzz_ok(ltm_tokenizer_open(&tokenizer, path, &error), &error)) return 0;
    FUZZ_CHECK(ltm_tokenizer_vocab(tokenizer) > 0);
    FUZZ_CHECK(ltm_tokenizer_end(tokenizer) >= 0 && ltm_tokenizer_end(tokenizer) < ltm_tokenizer_vocab(tokenizer));
    encode_and_back(tokenizer, (const char *)text.data, text.size);
    encode_and_back(tokenizer, "the end \xE2\x96\x81 of\n\nit  \xF0\x9F\x98\x80", 20);
    ltm_tokenizer_close(tokenizer);
    return 0;
}
