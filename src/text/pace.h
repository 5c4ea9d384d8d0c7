/* Progress at a pace that a caller can bear: see ltm/watch.h. */
#ifndef TEXT_PACE_H
#define TEXT_PACE_H

#include "ltm/watch.h"

struct pace {
    const struct ltm_watch *watch; /* or NULL */
    const char *what;
    double total, shown; /* shown: when, in seconds */
};

struct pace pace_begin(const struct ltm_watch *watch, const char *what, double total);
void pace_at(struct pace *pace, double done); /* tells the watch, if the last time is long enough ago */
void pace_end(struct pace *pace);             /* tells it that all is done */

void watch_message(const struct ltm_watch *watch, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
