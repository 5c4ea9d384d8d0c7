/* Files derived from a task's sorted journal, from the first line of each item. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/files.h"

typedef ltm_status (*sample_line_fn)(const void *user, struct file_draft *draft, int64_t item, const json_t *line,
                                     struct ltm_error *error);

/* Write `path`, atomically, by calling `write` with the line of each item in the journal `samples`: further lines of an
 * item are those of further filters, of the same texts. */
ltm_status sample_lines_write(const char *path, const char *samples, sample_line_fn write, const void *user,
                              struct ltm_error *error);

/* Add a value, which it takes, as a line. */
ltm_status sample_lines_put(struct file_draft *draft, json_t *value, struct ltm_error *error);
