#include "base/progress.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

static const double pause = 0.1; /* seconds */

struct progress progress_begin(const struct ltm_watch *watch, const char *what, double total) {
    return (struct progress){.watch = watch, .what = what, .total = total};
}

void progress_at(struct progress *pace, double done) {
    double time = seconds_now();
    if (time < pace->shown + pause) return;
    pace->shown = time;
    watch_progress(pace->watch, pace->what, done, pace->total);
}

void progress_end(struct progress *pace) { watch_progress(pace->watch, pace->what, pace->total, pace->total); }

void watch_progress(const struct ltm_watch *watch, const char *what, double done, double total) {
    const struct ltm_progress progress = {.what = what, .done = done, .total = total};
    if (watch && watch->progress) watch->progress(watch->user, &progress);
}

void watch_message(const struct ltm_watch *watch, const char *format, ...) {
    char line[2048];
    if (!watch || !watch->message) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    watch->message(watch->user, line);
}
