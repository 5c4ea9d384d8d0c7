/* Filling the caller's error record. */
#pragma once

#include <stddef.h>

#include "ltm/status.h"

/* Write one sentence into `error` (NULL is fine) and return `code`, so that a caller can `return fail(…)`.
 *
 * It overwrites the record, which belongs to the caller and may contain an old failure. To keep the first cause, pass
 * NULL to cleanup calls after a failure (tests/lint/house checks the code after `cleanup:`). To add to a failure,
 * use: */
ltm_status fail(struct ltm_error *error, ltm_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same failure in context: "line 3 of x.jsonl: " goes before the message in `error`. */
ltm_status fail_within(struct ltm_error *error, ltm_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Copy a failure from another record, such as a thread's own. */
ltm_status fail_with(struct ltm_error *error, const struct ltm_error *cause);

/* LTM_MEMORY, saying what the `bytes` were for. */
ltm_status fail_memory(struct ltm_error *error, size_t bytes, const char *what);

/* Pass a failure up from a function with a `cleanup` label. */
#define TRY(call)                                      \
    do {                                               \
        if ((status = (call)) != LTM_OK) goto cleanup; \
    } while (0)

/* The same from a function with nothing to release. */
#define PASS_UP(call)                              \
    do {                                           \
        const ltm_status passed_up = (call);       \
        if (passed_up != LTM_OK) return passed_up; \
    } while (0)
