/* A file as bytes, unpacked if it starts like gzip, zstd, xz or bzip2. zlib's own gzip reader (gzread) ignores data
 * after the compressed data, so a file damaged there would silently lose its end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct packed_file;

/* LTM_IO, LTM_MEMORY; LTM_CORRUPT; LTM_UNSUPPORTED if libarchive would be needed. The path is the caller's, and must
 * live as long as the file is open. */
ltm_status packed_file_open(struct packed_file **file, const char *path, struct ltm_error *error);
void packed_file_close(struct packed_file *file); /* NULL is fine */

bool packed_file_is_packed(const struct packed_file *file);
int64_t packed_file_offset(const struct packed_file *file); /* bytes on disk used so far */

/* Up to `room` bytes, fewer only at the end. LTM_CORRUPT for compressed data that is damaged, ends early, or is
 * followed by anything other than compressed data or zeros (tape padding). */
ltm_status packed_file_read(struct packed_file *file, void *bytes, size_t room, size_t *got, struct ltm_error *error);
