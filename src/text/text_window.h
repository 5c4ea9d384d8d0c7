/* A window that moves over the text of one file, or of the members of an archive in order: unpacked, converted to UTF-8
 * if needed, and checked to be UTF-8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "text/archive_stream.h"
#include "text/packed_file.h"
#include "text/text_encoding.h"
#include "text/text_files.h"

/* text + from, bytes: complete valid characters not yet consumed. The caller sets `input`, `raw` and `replace`. */
struct text_window {
    const struct ltm_text_input *input; /* NULL: UTF-8 only, and no archives */
    const struct text_file *file;
    const char *name;    /* of the file, or the member of an archive: for messages */
    enum text_kind kind; /* of that */
    struct packed_file *stream;
    struct archive_stream *archive;
    struct text_decoder *decoder; /* of text in another encoding */
    char *member;                 /* archive's path/member */
    char *text;
    size_t from, bytes, room;
    size_t open;    /* bytes after them of an incomplete character */
    int64_t offset; /* of the byte at `from`, in the unpacked file or member */
    int64_t before; /* bytes of the members before */
    bool ended;     /* end of file reached */
    bool raw;       /* bytes are not checked: `bytes` may be no UTF-8 */
    bool replace;   /* each bad byte becomes U+FFFD */
    int64_t replaced;
    int64_t left_out; /* members of archives whose names are not those of text files */
    int64_t marked;   /* files with a byte-order mark of UTF-16 or UTF-32 */
};

ltm_status text_window_open(struct text_window *window, const struct text_file *file, struct ltm_error *error);

/* The next member of an archive that is text by its name: the window is at its beginning. **more = false if there is
 * none, or the file is not an archive. */
ltm_status text_window_next(struct text_window *window, bool *more, struct ltm_error *error);

void text_window_close(struct text_window *window); /* keeps the memory for the next file */
void text_window_free(struct text_window *window);

/* Read until there are `bytes` bytes or the file ends. */
ltm_status text_window_fill(struct text_window *window, size_t bytes, struct ltm_error *error);

/* Their start; not NULL, even before anything was read. */
static inline const char *text_window_text(const struct text_window *window) {
    return window->text ? window->text + window->from : "";
}

/* Move past the first `bytes` bytes. */
void text_window_take(struct text_window *window, size_t bytes);
