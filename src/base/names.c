#include "ltm/names.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Longer words are cut: they are not misspellings of our names. */
enum { MOST = 64 };

static bool same(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Optimal string alignment; rows i, i-1 and i-2 of the table are all that it needs. */
size_t ltm_name_distance(const char *a, const char *b) {
    size_t rows[3][MOST + 1];
    size_t length_a = strnlen(a, MOST);
    size_t length_b = strnlen(b, MOST);
    size_t *above2 = rows[0];
    size_t *above = rows[1];
    size_t *row = rows[2];
    for (size_t j = 0; j <= length_b; j++) above[j] = above2[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            size_t change = above[j - 1] + !same(a[i - 1], b[j - 1]);
            row[j] = least(change, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], above2[j - 2] + 1);
        }
        size_t *oldest = above2;
        above2 = above;
        above = row;
        row = oldest;
    }
    return above[length_b];
}

const char *ltm_nearest_name(const char *word, const char *const *names, size_t count) {
    const char *nearest = NULL;
    size_t best = strlen(word) / 2 + 1; /* a word with more than half of it changed is a different word */
    for (size_t i = 0; i < count; i++) {
        size_t distance = ltm_name_distance(word, names[i]);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

const char *ltm_plural(long long count) { return count == 1 ? "" : "s"; }
