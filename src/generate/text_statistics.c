#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ltm/samples.h"

/* Words and n-grams are known by 64-bit hashes: that two of a thousand million meet has a chance of about one in forty. */
struct words {
    uint64_t *hash;    /* of all texts, one after the other */
    size_t *first;     /* [texts + 1] */
    uint64_t *scratch; /* as long as `hash` */
    size_t count, texts;
};

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The finaliser of SplitMix64 (Steele et al., 2014): every bit of the input reaches every bit of the result. */
static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t chain(uint64_t hash, uint64_t next) {
    return mix(hash + 0x9e3779b97f4a7c15u) ^ mix(next + (hash << 1));
}

/* The next word at or behind *at; false at the text's end. */
static bool next_word(const struct ltm_text *text, size_t *at, uint64_t *hash) {
    while (*at < text->bytes && is_space(text->text[*at])) (*at)++;
    if (*at == text->bytes) return false;
    *hash = 0;
    for (; *at < text->bytes && !is_space(text->text[*at]); (*at)++)
        *hash = chain(*hash, (unsigned char)text->text[*at]);
    return true;
}

static ltm_status split(struct words *words, const struct ltm_text *texts, size_t count, struct ltm_error *error) {
    uint64_t hash;
    words->texts = count;
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; next_word(&texts[i], &at, &hash);) words->count++;
    PASS_UP(NEW_ARRAY(words->hash, words->count, "words", error));
    PASS_UP(NEW_ARRAY(words->scratch, words->count, "words", error));
    PASS_UP(NEW_ARRAY(words->first, count + 1, "words", error));
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        words->first[i] = used;
        for (size_t at = 0; next_word(&texts[i], &at, &hash);) words->hash[used++] = hash;
    }
    words->first[count] = used;
    return LTM_OK;
}

/* The n-grams of one text into `to`; how many. */
static size_t grams(uint64_t *to, const struct words *words, size_t text, size_t n) {
    const uint64_t *word = words->hash + words->first[text];
    const size_t count = words->first[text + 1] - words->first[text];
    if (count < n) return 0;
    for (size_t i = 0; i + n <= count; i++) {
        to[i] = n;
        for (size_t j = 0; j < n; j++) to[i] = chain(to[i], word[i + j]);
    }
    return count - n + 1;
}

static int by_value(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Sorts; how many different ones there are. */
static size_t different(uint64_t *values, size_t count) {
    size_t found = 0;
    qsort(values, count, sizeof *values, by_value);
    for (size_t i = 0; i < count; i++) found += i == 0 || values[i] != values[i - 1];
    return found;
}

static double distinct(const struct words *words, size_t n) {
    size_t all = 0;
    for (size_t i = 0; i < words->texts; i++) all += grams(words->scratch + all, words, i, n);
    return all ? (double)different(words->scratch, all) / (double)all : NAN;
}

static double repeated(const struct words *words, size_t n) {
    size_t all = 0;
    size_t again = 0;
    for (size_t i = 0; i < words->texts; i++) {
        const size_t count = grams(words->scratch, words, i, n);
        all += count;
        again += count - different(words->scratch, count);
    }
    return all ? (double)again / (double)all : NAN;
}

/* H = -Σ f log2 f over the words' frequencies. */
static double entropy(const struct words *words) {
    double bits = 0;
    if (words->count == 0) return NAN;
    memcpy(words->scratch, words->hash, words->count * sizeof *words->scratch);
    qsort(words->scratch, words->count, sizeof *words->scratch, by_value);
    for (size_t i = 0, next; i < words->count; i = next) {
        for (next = i + 1; next < words->count && words->scratch[next] == words->scratch[i];) next++;
        const double share = (double)(next - i) / (double)words->count;
        bits -= share * log2(share);
    }
    return bits;
}

/* A stretch that stands twice has parts of every lesser length that do: halve the interval. */
static int64_t longest_repeat(const struct words *words, size_t text) {
    size_t least = 0;
    size_t most = words->first[text + 1] - words->first[text];
    while (least + 1 < most) {
        const size_t n = (least + most) / 2;
        const size_t count = grams(words->scratch, words, text, n);
        if (different(words->scratch, count) < count)
            least = n;
        else
            most = n;
    }
    return (int64_t)least;
}

ltm_status ltm_text_statistics(const struct ltm_text *texts, size_t count, struct ltm_text_statistics *statistics,
                               struct ltm_error *error) {
    struct words words = {0};
    ltm_status status = LTM_OK;
    *statistics = (struct ltm_text_statistics){.texts = (int64_t)count};
    TRY(split(&words, texts, count, error));
    statistics->words = (int64_t)words.count;
    for (size_t i = 0; i < count; i++) {
        statistics->bytes += (int64_t)texts[i].bytes;
        const int64_t longest = longest_repeat(&words, i);
        if (longest > statistics->longest_repeat) statistics->longest_repeat = longest;
    }
    for (size_t n = 1; n <= 4; n++) statistics->distinct[n - 1] = distinct(&words, n);
    statistics->entropy = entropy(&words);
    statistics->repeated = repeated(&words, 4);
cleanup:
    free(words.hash);
    free(words.scratch);
    free(words.first);
    return status;
}
