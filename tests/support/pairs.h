/* Small files of prompts with answers, and the tokenizer that reads them. */
#ifndef TESTS_PAIRS_H
#define TESTS_PAIRS_H

#include "support/files.h"

#define TEST_TOKENIZER "tests/golden/tokenizer.model"

static inline const char *test_write(const char *name, const char *text) {
    const char *path = test_path("%s", name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* `count` lines, each with an answer, a chosen and a rejected one. */
static inline const char *test_write_pairs(const char *name, int count) {
    static const char *const words[] = {"sea", "moon", "tree", "house", "bird", "stone", "rain"};
    const char *path = test_path("%s", name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < count; i++) {
        const char *a = words[i % 7];
        const char *b = words[(i / 7 + i + 1) % 7];
        fprintf(file,
                "{\"prompt\": \"%d: %s, %s?\", \"answer\": \" %s\", \"chosen\": \" %s\", \"rejected\": \" no %s\"}\n",
                i, a, b, a, a, b);
    }
    assert_int_equal(fclose(file), 0);
    return path;
}

#endif
