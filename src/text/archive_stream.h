/* Unpacking by libarchive: one file compressed with zstd, xz or bzip2, or the members of a tar or zip. zlib reads gzip
 * (packed_file.h), since libarchive does not check its checksum. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct archive_stream;

const char *archive_stream_library(void); /* "libarchive 3.6.2", or "none" */

/* Gives the packed bytes: up to `room`, 0 only at the end. */
typedef ltm_status (*archive_source)(void *user, void *bytes, size_t room, size_t *got, struct ltm_error *error);

/* `path` is for messages and stays the caller's. LTM_UNSUPPORTED in a build without libarchive. */
ltm_status archive_stream_open(struct archive_stream **stream, const char *path, bool members, archive_source source,
                               void *user, struct ltm_error *error);
void archive_stream_close(struct archive_stream *stream); /* NULL is fine */

/* The next regular file of a tar or zip; its name is valid until the next call. */
ltm_status archive_stream_next(struct archive_stream *stream, const char **name, bool *more, struct ltm_error *error);

/* Up to `room` bytes of the one file or the member, fewer only at its end. LTM_CORRUPT for damage; failures of `source`
 * are passed on. */
ltm_status archive_stream_read(struct archive_stream *stream, void *bytes, size_t room, size_t *got,
                               struct ltm_error *error);
