#include "text/text_kind.h"

#include <stdio.h>
#include <string.h>

static const struct text_packing packings[] = {
    {".gz", "gzip"},   {".zst", "zstd"}, {".xz", "xz"},
    {".bz2", "bzip2"}, {".tgz", "gzip"}, /* these four end a tar file's name */
    {".tzst", "zstd"}, {".txz", "xz"},   {".tbz2", "bzip2"}};

enum { PACKINGS = sizeof packings / sizeof packings[0], PACKED_TARS = 4 /* the first of them */ };

static const struct {
    const char *end;
    enum text_kind kind;
} kinds[] = {{".txt", TEXT_PLAIN}, {".md", TEXT_PLAIN},    {".jsonl", TEXT_JSON},
             {".html", TEXT_HTML}, {".htm", TEXT_HTML},    {".csv", TEXT_TABLE},
             {".tsv", TEXT_TABLE}, {".tar", TEXT_ARCHIVE}, {".zip", TEXT_ARCHIVE}};

bool text_ends_with(const char *text, const char *end) {
    const size_t have = strlen(text);
    const size_t want = strlen(end);
    return have > want && strcmp(text + have - want, end) == 0;
}

/* Whether the name ends in `end` followed by the suffix of the compression. */
static bool ends_in(const char *path, const char *end, size_t length, const struct text_packing *packing) {
    char both[64];
    snprintf(both, sizeof both, "%.*s%s", (int)length, end, packing ? packing->end : "");
    return text_ends_with(path, both);
}

/* Whether the name ends in one of the words of the list. */
static bool is_as_text(const char *path, const char *list, const struct text_packing *packing) {
    static const char between[] = ", ";
    for (const char *word = list; word && *(word += strspn(word, between)); word += strcspn(word, between))
        if (ends_in(path, word, strcspn(word, between), packing)) return true;
    return false;
}

enum text_kind text_kind_of(const char *path, const struct ltm_text_input *input, const struct text_packing **packing) {
    *packing = NULL;
    for (int i = 0; i < PACKINGS && !*packing; i++)
        if (text_ends_with(path, packings[i].end)) *packing = &packings[i];
    if (*packing >= packings + PACKED_TARS) return TEXT_ARCHIVE;
    if (is_as_text(path, input->as_text, *packing)) return TEXT_PLAIN;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (ends_in(path, kinds[i].end, strlen(kinds[i].end), *packing))
            return kinds[i].kind == TEXT_TABLE && !input->column ? TEXT_NONE : kinds[i].kind;
    return TEXT_NONE;
}

bool text_is_parquet(const char *path) { return text_ends_with(path, ".parquet"); }
