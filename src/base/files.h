/* Files: mapped for reading; written to a draft and renamed into place, so that a reader sees the complete old or new
 * file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

struct file_map {
    const unsigned char *data; /* NULL when the file is empty */
    size_t size;
};

ltm_status file_map(struct file_map *map, const char *path, struct ltm_error *error);
void file_unmap(struct file_map *map);

/* A file being written: write to `stream`, then file_commit (flush, fsync, close, rename, fsync of the
 * folder) or file_discard. Exactly one of the two must be called after a successful file_create. */
struct file_draft {
    FILE *stream;
    char path[1024], draft[1040];
};

ltm_status file_create(struct file_draft *draft, const char *path, struct ltm_error *error); /* with its folders */
ltm_status file_try(const char *path, struct ltm_error *error); /* whether it can be written, checked before the work */
ltm_status file_write(struct file_draft *draft, const void *data, size_t bytes, struct ltm_error *error);
ltm_status file_commit(struct file_draft *draft, struct ltm_error *error);
void file_discard(struct file_draft *draft);

/* The whole text of a small file, NUL-terminated; the caller frees it. Refuses more than `most` bytes.
 */
ltm_status file_read_text(char **text, size_t *bytes, const char *path, size_t most, struct ltm_error *error);
ltm_status file_write_text(const char *path, const char *text, struct ltm_error *error); /* atomic */
ltm_status file_copy(const char *from, const char *to, struct ltm_error *error);         /* atomic */

bool file_exists(const char *path);

/* crc32 and adler32 of the bytes (zlib), as 16 hexadecimal digits and a NUL. Detects damage and mix-ups, not
 * attacks. */
void checksum_hex(char hex[17], const void *data, size_t bytes);
ltm_status checksum_file(char hex[17], const char *path, struct ltm_error *error);

/* ---- Folders (folders.c), and the paths in them ---- */

bool folder_exists(const char *path);
ltm_status folder_create(const char *path, struct ltm_error *error); /* with its parents; fine if it exists */
/* LTM_INVALID if it exists and is not empty, but contains none of `marks` (NULL-terminated names, with * and ? as in
 * shells): then it belongs to something else. Hidden names that are no mark do not count. `what` it should be is said,
 * "the folder of a run". */
ltm_status folder_check_own(const char *path, const char *const *marks, const char *what, struct ltm_error *error);
ltm_status folder_remove(const char *path, struct ltm_error *error); /* with its contents; links are not followed */
/* Remove the drafts of files in it that processes of this machine left when they were killed. */
ltm_status folder_clear_drafts(const char *path, struct ltm_error *error);
ltm_status folder_sync(const char *path, struct ltm_error *error); /* fsync */

/* Names in a folder (without . and ..), sorted; the caller frees with folder_list_free. */
ltm_status folder_list(char ***names, size_t *count, const char *path, struct ltm_error *error);
void folder_list_free(char **names, size_t count);

/* "folder/name" into out; LTM_INVALID when it does not fit. */
ltm_status path_join(char *out, size_t size, const char *folder, const char *name, struct ltm_error *error);
