/* JSON read from files, with a bound on what it takes in memory, and written whole or not at all. */
#pragma once

#include <jansson.h>

#include "base/error.h"

/* A value takes up to some 250 bytes of memory, and two or three in the file. */
enum { JSON_VALUES_MOST = 1 << 20 };

/* LTM_CORRUPT, with what is wrong but not where the text is from, for what is no JSON or holds more than JSON_VALUES_MOST values (jansson itself
 * refuses what is nested deeper than 2,048); LTM_MEMORY. */
ltm_status json_read(json_t **value, const char *text, size_t bytes, size_t flags, struct ltm_error *error);

/* json_dumps; NULL where memory is short, or was when the value was made: nothing incomplete is written.
 *
 * For once jansson has been refused memory in a thread it gets no more there, until one of these functions has told of it. */
char *json_text(const json_t *value, size_t flags);

/* LTM_MEMORY where it was refused some: for those to whom a value that is missing is no failure. */
ltm_status json_memory(const char *what, struct ltm_error *error);

/* LTM_MEMORY, where a value that is missing tells. */
ltm_status json_fail_memory(const char *what, struct ltm_error *error);
