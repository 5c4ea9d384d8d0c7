/* Threads that take turns: at each stage, ticket 0 passes first, then 1, 2 … — so that sums over parallel work are
 * taken in one order, for any number of threads.
 *
 * No deadlock as long as tickets are handed out in increasing order: the lowest one at work never waits. */
#pragma once

#include "base/error.h"

struct ordered_section;

ltm_status ordered_section_create(struct ordered_section **section, int stages, struct ltm_error *error);
void ordered_section_free(struct ordered_section *section);
void ordered_section_reset(
    struct ordered_section *section); /* all stages wait for ticket 0 again; no thread may be inside */

/* Between the two calls a thread is alone at the stage. A NULL section lets every thread pass. */
void ordered_section_enter(struct ordered_section *section, int stage, int ticket);
void ordered_section_leave(struct ordered_section *section, int stage);
