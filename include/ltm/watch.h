/* Progress reports of long work. The library prints nothing: it calls these. */
#pragma once

#include "ltm/status.h"

LTM_C_BEGIN

struct ltm_progress {
    const char *what;   /* "reading", "scoring", … */
    double done, total; /* in the same unit; total 0 = unknown */
    const char *detail; /* a few more words, or NULL */
};

/* Either function may be NULL. They are called from one thread at a time, during the work and at the end of each piece of it.
 * Calls are frequent, so do not draw on each. `user` is passed back unchanged. */
struct ltm_watch {
    void *user;
    void (*progress)(void *user, const struct ltm_progress *progress);
    void (*message)(void *user, const char *line); /* a notice, one sentence, no newline */
};

LTM_C_END
