/* Where text comes from: files or folders of .txt, .txt.gz, .jsonl, .jsonl.gz, cut into documents. */
#pragma once

#include <stddef.h>

/* What is done with text that is not UTF-8, a line that is not JSON with a string under the field, and a damaged .gz. */
enum ltm_on_bad {
    LTM_BAD_REFUSE,
    LTM_BAD_SKIP, /* the line of .jsonl, or the whole file, is left out, and counted */
    LTM_BAD_REPLACE /* each byte that is not UTF-8 becomes U+FFFD, and is counted; what cannot be read even so is left out */
};

struct ltm_text_input {
    const char *const
        *paths; /* files, or folders that are searched for such files in order of name; a file is read once */
    size_t count;
    const char *const *heldout_paths; /* of files whose documents are the held-out split; ltm_corpus_build only */
    size_t heldout_count;
    const char *field;     /* the JSON key that holds a line's text; NULL = "text" */
    const char *separator; /* in .txt: a line equal to this ends a document; NULL = a file is a document */
    const char *as_text; /* ends of names that are plain text like .txt, between spaces or commas: ".md,.c"; or NULL */
    enum ltm_on_bad on_bad;
};
