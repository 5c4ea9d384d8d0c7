/* Text inputs: files or folders of .txt, .md, .jsonl, .html, .csv and .tsv, plain, compressed (.gz, .zst, .xz, .bz2) or in a
 * .tar or .zip, split into documents. */
#pragma once

#include <stddef.h>

/* How to treat text that is not UTF-8, a line that is not JSON with a string under the field, a row without the
 * column, and a damaged compressed file. */
enum ltm_on_bad {
    LTM_BAD_REFUSE,
    LTM_BAD_SKIP, /* the line of .jsonl, the row of .csv, or the whole file (an archive is one) is skipped and counted */
    LTM_BAD_REPLACE /* each byte that is not UTF-8 becomes U+FFFD, and is counted; input that is still unreadable is skipped */
};

struct ltm_text_input {
    const char *const *paths; /* files, or folders to search for such files in order of name; each file is read once */
    size_t count;
    const char *const *heldout_paths; /* files whose documents are the held-out split; ltm_corpus_build only */
    size_t heldout_count;
    const char *field;      /* the JSON key of a line's text; NULL = "text" */
    const char *column;     /* of .csv and .tsv, by its name in the first line; NULL = these files are not read */
    const char *encoding;   /* of the text, as iconv names it; NULL = UTF-8, or as a byte-order mark says */
    const char *stdin_path; /* a regular file with the content of the path "-"; NULL = "-" is a file's name */
    const char *stdin_name; /* a name whose extension says what that is: "-.jsonl" */
    const char *separator;  /* in .txt: a line equal to this ends a document; NULL = a file is a document */
    const char
        *as_text; /* file name extensions to read as plain text, separated by spaces or commas: ".md,.c"; or NULL */
    enum ltm_on_bad on_bad;
};
