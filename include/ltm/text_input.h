/* Where text comes from: files or folders of .txt, .txt.gz, .jsonl, .jsonl.gz, cut into documents. */
#pragma once

#include <stddef.h>

struct ltm_text_input {
    const char *const
        *paths; /* files, or folders that are searched for such files in order of name; a file is read once */
    size_t count;
    const char *field;     /* the JSON key that holds a line's text; NULL = "text" */
    const char *separator; /* in .txt: a line equal to this ends a document; NULL = a file is a document */
};
