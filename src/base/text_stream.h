/* A stream whose text stays in memory, as open_memstream's does; but glibc's forgets that it once got no memory, and its text then
 * has a gap.
 *
 *     struct text_stream out;
 *     text_stream_open(&out);
 *     if (out.stream) fputs("…", out.stream);
 *     char *text = text_stream_close(&out); // NULL: out of memory
 */
#ifndef BASE_TEXT_STREAM_H
#define BASE_TEXT_STREAM_H

#include <stddef.h>
#include <stdio.h>

struct text_stream {
    FILE *stream; /* NULL = out of memory, which text_stream_close tells */
    char *text;
    size_t bytes, room;
};

/* `out` must stay where it is until it is closed. */
void text_stream_open(struct text_stream *out);

/* All that was written, with a NUL behind it, which the caller frees; NULL where some of it found no memory. */
char *text_stream_close(struct text_stream *out);

#endif
