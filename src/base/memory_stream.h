/* A stream whose text stays in memory, like open_memstream; but glibc's forgets a failed allocation, and its text then
 * has a gap.
 *
 *     struct memory_stream out;
 *     memory_stream_open(&out);
 *     if (out.stream) fputs("…", out.stream);
 *     char *text = memory_stream_close(&out); // NULL: out of memory
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct memory_stream {
    FILE *stream; /* NULL = out of memory, which memory_stream_close reports */
    char *text;
    size_t bytes, room;
};

/* `out` must stay where it is until it is closed. */
void memory_stream_open(struct memory_stream *out);

/* All that was written, NUL-terminated; the caller frees it. NULL if memory was short for any of it. */
char *memory_stream_close(struct memory_stream *out);
