/* Files: mapped for reading; written beside and renamed into place, so that a reader sees the old or the new,
 * whole. */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/folders.h"

struct file_map {
    const unsigned char *data; /* NULL when the file is empty */
    size_t size;
};

ltm_status file_map(struct file_map *map, const char *path, struct ltm_error *error);
void file_unmap(struct file_map *map);

/* A file in the making: write to `stream`, then file_commit (flush, fsync, close, rename, fsync of the
 * folder) or file_discard. Exactly one of the two must be called after a successful file_create. */
struct file_draft {
    FILE *stream;
    char path[1024], draft[1040];
};

ltm_status file_create(struct file_draft *draft, const char *path, struct ltm_error *error); /* with its folders */
ltm_status file_try(const char *path,
                    struct ltm_error *error); /* whether it could be written: better found out before the work */
ltm_status file_write(struct file_draft *draft, const void *data, size_t bytes, struct ltm_error *error);
ltm_status file_commit(struct file_draft *draft, struct ltm_error *error);
void file_discard(struct file_draft *draft);

/* The whole text of a small file with a NUL behind it; the caller frees it. Refuses more than `most` bytes.
 */
ltm_status file_read_text(char **text, size_t *bytes, const char *path, size_t most, struct ltm_error *error);
ltm_status file_write_text(const char *path, const char *text, struct ltm_error *error); /* atomic */
ltm_status file_copy(const char *from, const char *to, struct ltm_error *error);         /* atomic */

bool file_exists(const char *path);

/* crc32 and adler32 of the bytes (zlib), as 16 hexadecimal digits and a NUL. Tells damage and mix-ups, not
 * attacks. */
void checksum_hex(char hex[17], const void *data, size_t bytes);
ltm_status checksum_file(char hex[17], const char *path, struct ltm_error *error);

#endif
