/* INI files as people write them, read through inih: indentation, comments after values (but not inside quotes), long lines. */
#pragma once

#include "base/error.h"

/* Called for every `key = value` in order; section is "" before the first. A failure ends the reading. */
typedef ltm_status (*ini_take)(void *user, const char *section, const char *key, const char *value,
                               struct ltm_error *error);

/* `comments`: characters that begin a comment after a value. LTM_IO, or LTM_INVALID with "FILE, line N: " and what is wrong there, as
 * `take` reported it or because a key is set twice. */
ltm_status ini_file_read(const char *path, const char *comments, ini_take take, void *user, struct ltm_error *error);
