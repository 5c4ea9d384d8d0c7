/* run.on_event: a command of the user's that is run at each event of a run, with facts in its environment and no shell between. What goes
 * wrong with it is told, and the run goes on. */
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

/* What is NULL, NAN or 0 is not in the environment. */
struct event_facts {
    const char *run;             /* LTM_RUN: the run's folder */
    const char *checkpoint;      /* LTM_CHECKPOINT */
    const char *message;         /* LTM_MESSAGE: what a failure said */
    int64_t step, steps, tokens; /* LTM_STEP, LTM_STEPS, LTM_TOKENS */
    double bound, bits_per_byte; /* LTM_BOUND, LTM_BITS_PER_BYTE */
};

/* Begin the command for an event (LTM_EVENT). One runs at a time: the one before gets EVENT_SECONDS to end, and is then ended. */
enum { EVENT_SECONDS = 30 };
void on_event_tell(struct on_event *hook, const char *event, const struct event_facts *facts);

/* Until the last has ended, as long as that. */
void on_event_wait(struct on_event *hook);
