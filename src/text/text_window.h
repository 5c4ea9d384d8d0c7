/* A window that moves over the text of one file, unpacked and checked to be UTF-8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "text/packed_file.h"
#include "text/text_files.h"

/* text + from, bytes: whole valid characters not yet taken. `raw` and `replace` are the caller's to set. */
struct text_window {
    const struct text_file *file;
    struct packed_file *stream;
    char *text;
    size_t from, bytes, room;
    size_t open;    /* bytes behind them that begin a character */
    int64_t offset; /* of the byte at `from`, in the unpacked file */
    bool ended;     /* the file has no more */
    bool raw;       /* bytes are not checked: `bytes` may be no UTF-8 */
    bool replace;   /* each bad byte becomes U+FFFD */
    int64_t replaced;
};

ltm_status text_window_open(struct text_window *window, const struct text_file *file, struct ltm_error *error);
void text_window_close(struct text_window *window); /* keeps the memory for the next file */
void text_window_free(struct text_window *window);

/* Read until there are `bytes` bytes or the file ends. */
ltm_status text_window_fill(struct text_window *window, size_t bytes, struct ltm_error *error);

/* Where they begin; not NULL, even before anything was read. */
static inline const char *text_window_text(const struct text_window *window) {
    return window->text ? window->text + window->from : "";
}

/* Move past the first `bytes` bytes. */
void text_window_take(struct text_window *window, size_t bytes);
