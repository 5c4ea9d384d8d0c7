#include "base/memory_stream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/memory.h"

/* A short write is an error of the stream, which it remembers. */
static ssize_t take(void *cookie, const char *bytes, size_t count) {
    struct memory_stream *out = cookie;
    if (GROW_ARRAY(out->text, out->room, out->bytes + count + 1, "a text", NULL) != LTM_OK) return 0;
    memcpy(out->text + out->bytes, bytes, count);
    out->bytes += count;
    return (ssize_t)count;
}

void memory_stream_open(struct memory_stream *out) {
    *out = (struct memory_stream){0};
    out->stream = fopencookie(out, "w", (cookie_io_functions_t){.write = take});
}

char *memory_stream_close(struct memory_stream *out) {
    bool whole = out->stream && fflush(out->stream) == 0 && !ferror(out->stream);
    if (out->stream && fclose(out->stream) != 0) whole = false;
    if (whole && !out->text) out->text = calloc(1, 1); /* nothing was written */
    char *text = out->text;
    if (whole && text) {
        text[out->bytes] = 0;
    } else {
        free(text);
        text = NULL;
    }
    *out = (struct memory_stream){0};
    return text;
}
