/* Fuzz target: text that tokenizers are trained on. SentencePiece ends the program where it does not like its text; what reaches
 * it must be such that it never does, and what it makes must open. The first byte has the kind, and how many pieces. */
#define FUZZ_NAME "training"
#define FUZZ_MUTATIONS 3
#include "fuzz/fuzz.h"

#include "ltm/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    struct ltm_tokenizer_train_options options = ltm_tokenizer_train_defaults();
    struct ltm_tokenizer *tokenizer = NULL;
    int32_t *ids = NULL;
    size_t count;
    if (size == 0) return 0;
    const char *text = fuzz_put("text.txt", data + 1, size - 1);
    const char *path = fuzz_path("trained.model");
    options.input = (struct ltm_text_input){.paths = &text, .count = 1};
    options.output = path;
    options.kind = data[0] & 1 ? LTM_TOKENIZER_BPE : LTM_TOKENIZER_UNIGRAM;
    options.byte_fallback = data[0] & 2;
    options.vocab = (options.byte_fallback ? 260 : 4) + (data[0] >> 2);
    options.threads = 1;
    if (!fuzz_ok(ltm_tokenizer_train(&options, NULL, &error), &error)) return 0;
    FUZZ_CHECK(ltm_tokenizer_open(&tokenizer, path, &error) == LTM_OK);
    FUZZ_CHECK(ltm_tokenizer_vocab(tokenizer) == options.vocab);
    fuzz_ok(ltm_tokenizer_encode(tokenizer, (const char *)data + 1, size - 1, &ids, &count, &error), &error);
    free(ids);
    ltm_tokenizer_close(tokenizer);
    return 0;
}
