/* Lines of JSON objects, .jsonl or .jsonl.gz, one after the other. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "base/error.h"

/* Called with each line's object, which it may keep with json_incref, and the line's number, from 1. A failure ends the
 * reading; its message need not name file and line. */
typedef ltm_status (*json_line_fn)(void *user, json_t *object, int64_t line, struct ltm_error *error);

/* Whether a path has the name of such a file. */
bool json_lines_named(const char *path);

/* Blank lines are skipped. LTM_INVALID names the line that is not a JSON object; LTM_CORRUPT a damaged .gz; LTM_IO. */
ltm_status json_lines_read(const char *path, json_line_fn on_line, void *user, struct ltm_error *error);
