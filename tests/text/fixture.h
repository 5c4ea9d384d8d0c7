/* Files to read text from, in a folder of the test's own; text made from a seed. */
#ifndef TESTS_TEXT_FIXTURE_H
#define TESTS_TEXT_FIXTURE_H

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "support/error.h"
#include "support/files.h"
#include "support/unit.h"

#include "base/files.h"
#include "base/random.h"
#include "ltm/tokenizer.h"

static inline const char *at(const char *name) { return test_path("%s", name); }

static inline const char *put(const char *name, const char *text, size_t bytes) {
    const char *path = at(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
    return path;
}

static inline const char *put_text(const char *name, const char *text) { return put(name, text, strlen(text)); }

static inline const char *put_gzip(const char *name, const char *text, size_t bytes) {
    const char *path = at(name);
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    if (bytes) assert_int_equal(gzwrite(file, text, (unsigned)bytes), (int)bytes);
    assert_int_equal(gzclose(file), Z_OK);
    return path;
}

struct words {
    char *text;
    size_t bytes, room;
};

static inline void words_add(struct words *words, const char *text, size_t bytes) {
    if (!words->text || words->bytes + bytes + 1 > words->room) {
        words->room = 2 * (words->bytes + bytes) + 1024;
        words->text = realloc(words->text, words->room);
        if (!words->text) abort();
    }
    memcpy(words->text + words->bytes, text, bytes);
    words->bytes += bytes;
    words->text[words->bytes] = 0;
}

static inline uint32_t draw(uint32_t seed, uint32_t i) {
    return random_bits((struct random_key){.seed = seed, .purpose = 99}, i);
}

/* Lines of made-up words, the short ones frequent: enough like a language to learn pieces from. */
static inline struct words make_words(size_t bytes, uint32_t seed) {
    static const char *const parts[] = {"ka", "lo", "mi", "tu", "ren", "sal", "do", "vi", "pha", "or", "est", "in"};
    struct words words = {0};
    uint32_t i = 0;
    while (words.bytes < bytes) {
        uint32_t count = 1 + draw(seed, i++) % 4 % 3;
        for (uint32_t k = 0; k < count; k++) {
            uint32_t which = draw(seed, i++) % 144;
            const char *part = parts[which / 12 * which % 12];
            words_add(&words, part, strlen(part));
        }
        uint32_t end = draw(seed, i++) % 40;
        words_add(&words, end == 0 ? ".\n" : end == 1 ? ", " : " ", end < 2 ? 2 : 1);
    }
    return words;
}

/* A tokenizer learned from such words: folder/NAME. */
static inline const char *make_tokenizer(const char *name, int vocab, bool byte_fallback) {
    struct words words = make_words(60000, 5);
    const char *source = put("learn.txt", words.text, words.bytes);
    const char *path = at(name);
    free(words.text);
    struct ltm_tokenizer_train_options options = ltm_tokenizer_train_defaults();
    options.output = path;
    options.input.paths = &source;
    options.input.count = 1;
    options.vocab = vocab;
    options.byte_fallback = byte_fallback;
    assert_ok(ltm_tokenizer_train(&options, NULL, &error));
    return path;
}

#endif
