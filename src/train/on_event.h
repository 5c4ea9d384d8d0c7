/* run.on_event: a user's command that runs at each event of a run, with facts in its environment and without a shell.
 * Its failures are reported, and the run continues. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "ltm/watch.h"

struct on_event {
    const char *command; /* words between blanks, the first of which is found as by execvp; "" = nothing is run */
    const struct ltm_watch *watch;
    pid_t running; /* the last one, or 0 */
    char last[16]; /* its event */
};

/* Fields that are NULL, NAN or 0 are not in the environment. */
struct event_facts {
    const char *run;             /* LTM_RUN: the run's folder */
    const char *checkpoint;      /* LTM_CHECKPOINT */
    const char *message;         /* LTM_MESSAGE: what a failure said */
    int64_t step, steps, tokens; /* LTM_STEP, LTM_STEPS, LTM_TOKENS */
    double bound, bits_per_byte; /* LTM_BOUND, LTM_BITS_PER_BYTE */
};

/* Start the command for an event (LTM_EVENT). One runs at a time: the previous one gets EVENT_SECONDS to end and is
 * then killed. */
enum { EVENT_SECONDS = 30 };
void on_event_tell(struct on_event *hook, const char *event, const struct event_facts *facts);

/* Wait for the last to end, at most that long. */
void on_event_wait(struct on_event *hook);
