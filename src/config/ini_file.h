/* INI files as people write them, read through inih: indentation, comments behind values (but not within quotes), long lines. */
#pragma once

#include "base/error.h"

/* Called for every `key = value` in order; section is "" before the first. A failure ends the reading. */
typedef ltm_status (*ini_take)(void *user, const char *section, const char *key, const char *value,
                               struct ltm_error *error);

/* `comments`: characters that begin one behind a value. LTM_IO, or LTM_INVALID with "FILE, line N: " and what is wrong there, which
 * may be what `take` said; a key that is set twice is. */
ltm_status ini_file_read(const char *path, const char *comments, ini_take take, void *user, struct ltm_error *error);
