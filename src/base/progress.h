/* Progress reports at a limited rate: see ltm/watch.h. */
#pragma once

#include "ltm/watch.h"

struct progress {
    const struct ltm_watch *watch; /* or NULL */
    const char *what;
    double total, shown; /* shown: when, in seconds */
};

struct progress progress_begin(const struct ltm_watch *watch, const char *what, double total);
void progress_at(struct progress *pace, double done); /* reports to the watch, unless the last report is too recent */
void progress_end(struct progress *pace);             /* reports that all is done */

/* To a watch that may be NULL or lack the callback. */
void watch_progress(const struct ltm_watch *watch, const char *what, double done, double total);
void watch_message(const struct ltm_watch *watch, const char *format, ...) __attribute__((format(printf, 2, 3)));
