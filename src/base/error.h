/* Filling the caller's error record. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stddef.h>

#include "ltm/status.h"

/* Write one sentence into `error` (NULL is fine) and return `code`, so that a caller can `return fail(…)`. */
ltm_status fail(struct ltm_error *error, ltm_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* LTM_MEMORY, saying what the `bytes` were for. */
ltm_status fail_memory(struct ltm_error *error, size_t bytes, const char *what);

/* Pass a failure up from a function with a `cleanup` label. */
#define TRY(call)                                      \
    do {                                               \
        if ((status = (call)) != LTM_OK) goto cleanup; \
    } while (0)

#endif
