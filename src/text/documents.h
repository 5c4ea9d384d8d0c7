/* Text files as a stream of documents, in pieces of bounded size: a document may be larger than memory.
 *
 * A document is a file or a member of an archive, a line of JSON, a row of a table, a page of HTML, or the text between
 * separator lines. Its text is that of the file, byte for byte, except for a byte-order mark at the file's start and,
 * with separators, the newline before a separator or at the file's end. Empty documents are skipped and not counted.
 * All text is checked to be UTF-8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ltm/text_input.h"
#include "ltm/watch.h"

enum { TEXT_BLOCK = 256 * 1024, TEXT_LINE_MAX = 64 * 1024 * 1024, TEXT_SEPARATOR_MAX = 1000 };

/* A piece of a document, cut where utf8_cut says. */
struct text_block {
    const char *text; /* valid until the next call; not NUL-terminated */
    size_t bytes;     /* may be 0 if `last` */
    int64_t document; /* from 0 */
    bool last;        /* the document ends here */
    bool heldout;     /* its file is one of input->heldout_paths, which come first */
};

struct documents;

/* The input stays the caller's, and must live until documents_close. */
ltm_status documents_open(struct documents **documents, const struct ltm_text_input *input, struct ltm_error *error);
void documents_close(struct documents *documents);

/* The next block, or *more = false at the end. LTM_INVALID names the file and byte (text that is not UTF-8) or line
 * (JSON that is not an object with a string under the field); LTM_CORRUPT a damaged compressed file or archive, or a
 * .gz followed by other data; LTM_IO; LTM_UNSUPPORTED a format that this build has no library for. With input->on_bad
 * the first two are left out or repaired; each file is then read completely before its first document is returned. */
ltm_status documents_next(struct documents *documents, struct text_block *block, bool *more, struct ltm_error *error);

/* After reading everything: reports what was left out or replaced (ltm_on_bad). */
void documents_tell_bad(const struct documents *documents, const struct ltm_watch *watch);

/* After reading everything: reports if a separator was given and no line equals it. */
void documents_tell_separators(const struct documents *documents, const struct ltm_watch *watch);

/* Reports files in folders whose names are not those of text files, and files named or linked a second time, since each
 * is read once. */
void documents_tell_files(const struct documents *documents, const struct ltm_watch *watch);

/* Bytes on disk read so far, and in all. */
int64_t documents_done(const struct documents *documents);
int64_t documents_size(const struct documents *documents);
