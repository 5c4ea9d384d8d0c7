/* Threads that take turns: at each stage, ticket 0 passes first, then 1, 2 … — so that sums over work that ran in parallel
 * are taken in one order, whatever the number of threads.
 *
 * No deadlock as long as tickets are handed out in increasing order: the lowest one at work never waits. */
#ifndef BASE_TURNSTILE_H
#define BASE_TURNSTILE_H

#include "base/error.h"

struct turnstile;

ltm_status turnstile_create(struct turnstile **turnstile, int stages, struct ltm_error *error);
void turnstile_free(struct turnstile *turnstile);
void turnstile_reset(struct turnstile *turnstile); /* all stages wait for ticket 0 again; nobody may be inside */

/* Between the two a thread is alone at the stage. A NULL turnstile lets everybody pass. */
void turnstile_enter(struct turnstile *turnstile, int stage, int ticket);
void turnstile_leave(struct turnstile *turnstile, int stage);

#endif
