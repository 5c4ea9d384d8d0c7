/* JSON out of files, with a bound on what it takes in memory. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>

/* A value takes up to some 250 bytes of memory, and two or three in the file. */
enum { JSON_VALUES_MOST = 1 << 20 };

/* json_loadb of text that holds at most JSON_VALUES_MOST values; else NULL, and bad->text says so. jansson itself refuses what is
 * nested deeper than 2,048. `bad` may be NULL. */
json_t *json_read(const char *text, size_t bytes, size_t flags, json_error_t *bad);

#endif
