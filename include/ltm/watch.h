/* How long work tells its caller how far it is. The library prints nothing: it calls these. */
#pragma once

#include "ltm/status.h"

LTM_C_BEGIN

struct ltm_progress {
    const char *what;   /* "reading", "scoring", … */
    double done, total; /* in the same unit; total 0 when unknown */
    const char *detail; /* a few words more, or NULL */
};

/* Either function may be NULL. Both are called from one thread at a time, as work goes on and at the end of each piece of it:
 * often, so draw seldom. `user` is handed back untouched. */
struct ltm_watch {
    void *user;
    void (*progress)(void *user, const struct ltm_progress *progress);
    void (*message)(void *user, const char *line); /* something worth telling, one sentence, no newline */
};

LTM_C_END
