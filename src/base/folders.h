/* Folders, and the paths in them. */
#ifndef BASE_FOLDERS_H
#define BASE_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

bool folder_exists(const char *path);
ltm_status folder_create(const char *path, struct ltm_error *error); /* with its parents; fine if it is there */
/* LTM_INVALID where it is there and holds something, but none of `marks` (a NULL behind the last): then it is somebody else's. Hidden names
 * that are no mark do not count. `what` it should be is said, "the folder of a run". */
ltm_status folder_check_own(const char *path, const char *const *marks, const char *what, struct ltm_error *error);
ltm_status folder_remove(const char *path, struct ltm_error *error); /* with all it holds; links are not followed */
/* Remove the drafts of files in it that processes of this machine left when they were killed. */
ltm_status folder_clear_drafts(const char *path, struct ltm_error *error);
ltm_status folder_sync(const char *path, struct ltm_error *error); /* fsync */

/* Names in a folder (without . and ..), sorted; the caller frees with folder_list_free. */
ltm_status folder_list(char ***names, size_t *count, const char *path, struct ltm_error *error);
void folder_list_free(char **names, size_t count);

/* "folder/name" into out; LTM_INVALID when it does not fit. */
ltm_status path_join(char *out, size_t size, const char *folder, const char *name, struct ltm_error *error);

#endif
