/* Where text comes from: files or folders of .txt, .md, .jsonl, .html, .csv and .tsv, as they are, packed (.gz, .zst, .xz, .bz2) or in a
 * .tar or .zip, cut into documents. */
#pragma once

#include <stddef.h>

/* What is done with text that is not UTF-8, a line that is not JSON with a string under the field or not a row with
 * the column, and a damaged packed file. */
enum ltm_on_bad {
    LTM_BAD_REFUSE,
    LTM_BAD_SKIP, /* the line of .jsonl, the row of .csv, or the whole file (an archive is one) is left out, and counted */
    LTM_BAD_REPLACE /* each byte that is not UTF-8 becomes U+FFFD, and is counted; what cannot be read even so is left out */
};

struct ltm_text_input {
    const char *const
        *paths; /* files, or folders that are searched for such files in order of name; a file is read once */
    size_t count;
    const char *const *heldout_paths; /* of files whose documents are the held-out split; ltm_corpus_build only */
    size_t heldout_count;
    const char *field;     /* the JSON key that holds a line's text; NULL = "text" */
    const char *column;    /* of .csv and .tsv, by the name in the first line; NULL = these files are not read */
    const char *encoding;  /* of the text, as iconv names it; NULL = UTF-8, or what a byte-order mark says */
    const char *stdin_path; /* a regular file that holds what the path "-" stands for; NULL = "-" is a file's name */
    const char *stdin_name; /* whose end says what that is: "-.jsonl" */
    const char *separator; /* in .txt: a line equal to this ends a document; NULL = a file is a document */
    const char *as_text; /* ends of names that are plain text like .txt, between spaces or commas: ".md,.c"; or NULL */
    enum ltm_on_bad on_bad;
};
