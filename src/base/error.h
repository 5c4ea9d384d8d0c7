/* Filling the caller's error record. */
#pragma once

#include <stddef.h>

#include "ltm/status.h"

/* Write one sentence into `error` (NULL is fine) and return `code`, so that a caller can `return fail(…)`.
 *
 * It takes the place of what the record held: a record is the caller's, and may hold a failure of long ago. So that a first cause survives, what
 * cleans up after a failure gets NULL (tests/lint/house looks behind `cleanup:`), and what tells more of one says so: */
ltm_status fail(struct ltm_error *error, ltm_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same failure as of a larger thing: "line 3 of x.jsonl: " before what `error` says. */
ltm_status fail_within(struct ltm_error *error, ltm_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A failure from another record, such as a thread's own. */
ltm_status fail_with(struct ltm_error *error, const struct ltm_error *cause);

/* LTM_MEMORY, saying what the `bytes` were for. */
ltm_status fail_memory(struct ltm_error *error, size_t bytes, const char *what);

/* Pass a failure up from a function with a `cleanup` label. */
#define TRY(call)                                      \
    do {                                               \
        if ((status = (call)) != LTM_OK) goto cleanup; \
    } while (0)

/* The same from one that has nothing to release. */
#define PASS_UP(call)                              \
    do {                                           \
        const ltm_status passed_up = (call);       \
        if (passed_up != LTM_OK) return passed_up; \
    } while (0)
