/* JSON out of files, with a bound on what it takes in memory. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>

#include <jansson.h>

#include "base/error.h"

/* A value takes up to some 250 bytes of memory, and two or three in the file. */
enum { JSON_VALUES_MOST = 1 << 20 };

/* json_loadb of text that holds at most JSON_VALUES_MOST values; else NULL, and bad->text says so. jansson itself refuses what is
 * nested deeper than 2,048. `bad` may be NULL. */
json_t *json_read(const char *text, size_t bytes, size_t flags, json_error_t *bad);

/* Whether jansson, in this thread, has been refused memory since this was last asked: a value may then lack members, and a file that
 * could not be read may be whole. Until it is asked, jansson gets no more memory, so that nothing incomplete is written.
 * fail() with a record asks, and says that it was memory. */
bool json_starved(void);

/* LTM_MEMORY where it was: for those to whom a value that is missing is no failure. */
ltm_status json_memory(const char *what, struct ltm_error *error);

#endif
