/* The kind of a file by its name: text of some kind, compressed or not, or an archive of such files. */
#pragma once

#include <stdbool.h>

#include "ltm/text_input.h"

enum text_kind { TEXT_NONE, TEXT_PLAIN, TEXT_JSON, TEXT_HTML, TEXT_TABLE, TEXT_ARCHIVE };

/* Parts of messages: the suffixes that are read. */
#define TEXT_NAMES ".txt, .md, .jsonl, .html or .htm, .csv or .tsv with --column"
#define TEXT_PACKED_NAMES "alone, packed (.txt.gz, .jsonl.gz; .zst, .xz, .bz2), or in a .tar or .zip"

/* The compression of a file, by its suffix. */
struct text_packing {
    const char *end, *what; /* ".gz", "gzip" */
};

/* **packing is NULL if it is not compressed. Only as_text and column of `input` are used. */
enum text_kind text_kind_of(const char *path, const struct ltm_text_input *input, const struct text_packing **packing);

bool text_is_parquet(const char *path);
bool text_ends_with(const char *text, const char *end); /* and is longer than it */
