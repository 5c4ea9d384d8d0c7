/* What a file holds, by its name: text of some kind, packed or not, or an archive of such files. */
#pragma once

#include <stdbool.h>

#include "ltm/text_input.h"

enum text_kind { TEXT_NONE, TEXT_PLAIN, TEXT_JSON, TEXT_HTML, TEXT_TABLE, TEXT_ARCHIVE };

/* Parts of messages: what is read. */
#define TEXT_NAMES ".txt, .md, .jsonl, .html or .htm, .csv or .tsv with --column"
#define TEXT_PACKED_NAMES "alone, packed (.txt.gz, .jsonl.gz; .zst, .xz, .bz2), or in a .tar or .zip"

/* How a file is packed, by the end of its name. */
struct text_packing {
    const char *end, *what; /* ".gz", "gzip" */
};

/* *packing is NULL where it is not packed. Of `input` only as_text and column are read. */
enum text_kind text_kind_of(const char *path, const struct ltm_text_input *input, const struct text_packing **packing);

bool text_is_parquet(const char *path);
bool text_ends_with(const char *text, const char *end); /* and does not only consist of it */
