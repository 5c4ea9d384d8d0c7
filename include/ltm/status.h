/* Status codes and the error record that every fallible call fills.
 *
 * A call that can fail returns ltm_status. If it is not LTM_OK and the caller passed an error record, the
 * record has one sentence: what was wrong, with which file or key, and what to do. The caller owns the
 * record; nothing in the library prints, exits or aborts.
 *
 *     struct ltm_error error = {0};
 *     if (ltm_config_load(&config, "run.ini", &error) != LTM_OK) fprintf(stderr, "%s\n", error.message);
 */
#pragma once

/* These enclose declarations that C++ must see as C. */
#ifdef __cplusplus
#define LTM_C_BEGIN extern "C" {
#define LTM_C_END }
#else
#define LTM_C_BEGIN
#define LTM_C_END
#endif

LTM_C_BEGIN

#define LTM_STATUS_LIST(X)                               \
    X(LTM_OK, "ok")                                      \
    X(LTM_INVALID, "invalid setting or argument")        \
    X(LTM_IO, "cannot read or write")                    \
    X(LTM_CORRUPT, "damaged or malformed file")          \
    X(LTM_MISMATCH, "files that do not belong together") \
    X(LTM_MEMORY, "out of memory")                       \
    X(LTM_NUMERIC, "not a finite number")                \
    X(LTM_UNSUPPORTED, "not supported here")             \
    X(LTM_INTERRUPTED, "stopped on request")             \
    X(LTM_EXTERNAL, "a library failed")

typedef enum ltm_status {
#define LTM_STATUS_ENUM(code, text) code,
    LTM_STATUS_LIST(LTM_STATUS_ENUM)
#undef LTM_STATUS_ENUM
} ltm_status;

struct ltm_error {
    ltm_status code;
    char message[1024]; /* one sentence, UTF-8, never empty after a failure */
};

/* A few words for a code, for messages and logs. Static storage. */
const char *ltm_status_text(ltm_status code);

LTM_C_END
