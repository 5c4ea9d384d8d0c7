/* Folders, and the paths in them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

bool folder_exists(const char *path);
ltm_status folder_create(const char *path, struct ltm_error *error); /* with its parents; fine if it is there */
ltm_status folder_remove(const char *path, struct ltm_error *error); /* with all it holds; links are not followed */
/* Remove the drafts of files in it that processes of this machine left when they were killed. */
ltm_status folder_clear_drafts(const char *path, struct ltm_error *error);
ltm_status folder_sync(const char *path, struct ltm_error *error); /* fsync */

/* Names in a folder (without . and ..), sorted; the caller frees with folder_list_free. */
ltm_status folder_list(char ***names, size_t *count, const char *path, struct ltm_error *error);
void folder_list_free(char **names, size_t count);

/* "folder/name" into out; LTM_INVALID when it does not fit. */
ltm_status path_join(char *out, size_t size, const char *folder, const char *name, struct ltm_error *error);
