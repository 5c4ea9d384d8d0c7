/* The error record of a test program, and what is asked of it. */
#ifndef TESTS_ERROR_H
#define TESTS_ERROR_H

#include "support/unit.h"

#include "ltm/status.h"

static struct ltm_error error;

static inline void assert_ok(ltm_status status) {
    if (status != LTM_OK) fail_msg("%s: %s", ltm_status_text(status), error.message);
}

static inline void assert_says(const char *part) {
    if (!strstr(error.message, part)) fail_msg("\"%s\" does not say \"%s\"", error.message, part);
}

#endif
