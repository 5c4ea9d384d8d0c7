#include "base/progress.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

static const double pause = 0.1; /* seconds */

static void tell(const struct progress *pace, double done) {
    struct ltm_progress progress = {.what = pace->what, .done = done, .total = pace->total};
    pace->watch->progress(pace->watch->user, &progress);
}

struct progress progress_begin(const struct ltm_watch *watch, const char *what, double total) {
    return (struct progress){.watch = watch, .what = what, .total = total};
}

void progress_at(struct progress *pace, double done) {
    if (!pace->watch || !pace->watch->progress) return;
    double time = seconds_now();
    if (time < pace->shown + pause) return;
    pace->shown = time;
    tell(pace, done);
}

void progress_end(struct progress *pace) {
    if (pace->watch && pace->watch->progress) tell(pace, pace->total);
}

void watch_message(const struct ltm_watch *watch, const char *format, ...) {
    char line[512];
    if (!watch || !watch->message) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    watch->message(watch->user, line);
}
