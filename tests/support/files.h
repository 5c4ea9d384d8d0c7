/* Where a test may write. */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

#include "support/unit.h"

/* TMPDIR, or a folder of its own under /tmp. */
static inline const char *test_folder(void) {
    static char folder[512];
    if (!folder[0]) {
        const char *given = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/ltm-test-XXXXXX", given ? given : "/tmp");
        if (!mkdtemp(folder)) abort();
    }
    return folder;
}

/* A path within it; the last 100 live. */
__attribute__((format(printf, 1, 2))) static inline const char *test_path(const char *format, ...) {
    static char paths[100][1024];
    static int turn;
    char name[400];
    va_list arguments;
    va_start(arguments, format);
    assert_in_range(vsnprintf(name, sizeof name, format, arguments), 0, sizeof name - 1);
    va_end(arguments);
    turn = (turn + 1) % 100;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", test_folder(), name);
    return paths[turn];
}

#endif
