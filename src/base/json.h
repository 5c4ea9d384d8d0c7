/* JSON read from files with bounded memory, and written completely or not at all. */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "base/error.h"

/* A value takes up to some 250 bytes of memory, and two or three in the file. */
enum { JSON_VALUES_MOST = 1 << 20 };

/* LTM_CORRUPT, saying what is wrong but not where the text is from, for text that is not JSON or has more than
 * JSON_VALUES_MOST values (jansson itself refuses nesting deeper than 2,048); LTM_MEMORY. */
ltm_status json_read(json_t **value, const char *text, size_t bytes, size_t flags, struct ltm_error *error);

/* A list of whole numbers from 0 to most - 1, such as token ids; the caller frees *ids, also after a failure. `where` names it in the
 * error. LTM_INVALID, LTM_MEMORY. */
ltm_status json_ids(int32_t **ids, size_t *count, const json_t *list, const char *where, int most,
                    struct ltm_error *error);

/* json_dumps; NULL if memory is short, or was short when the value was made: nothing incomplete is written.
 *
 * After an allocation by jansson has failed in a thread, all its allocations there fail until one of these functions
 * has reported it. */
char *json_text(const json_t *value, size_t flags);

/* LTM_MEMORY if an allocation failed: for callers to whom a missing value is not a failure. */
ltm_status json_memory(const char *what, struct ltm_error *error);

/* LTM_MEMORY, for callers that see a missing value. */
ltm_status json_fail_memory(const char *what, struct ltm_error *error);
