/* What `ltm sweep` shows on stderr: a line a running cell and one for the whole, drawn in place on a terminal, as plain lines
 * every half minute elsewhere. */
#ifndef CLI_SWEEP_DISPLAY_H
#define CLI_SWEEP_DISPLAY_H

#include "ltm/sweep.h"

struct sweep_display {
    bool terminal;
    int drawn;    /* lines that stand there */
    double shown; /* when; 0 = not yet */
};

struct sweep_display sweep_display_new(void);

/* For struct ltm_sweep_hooks; `user` is the display. */
void sweep_display_progress(void *user, const struct ltm_sweep_progress *progress);
void sweep_display_message(void *user, const char *line);

/* Take the lines away, before other output follows. */
void sweep_display_end(struct sweep_display *display);

#endif
