/* Texts about items that processes have divided among themselves: item i is process i mod n's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Items between two exchanges, for each process: enough to keep threads busy, few enough to lose when a run is cut short. */
enum { ITEMS_A_ROUND = 64 };

bool item_is_mine(int64_t item);

/* Called by all processes: the texts of items begin … end - 1 to process 0, which is given those of the others in the order of
 * items by owner. texts [end at least]: NULL where there is nothing to send; sent ones are freed. */
ltm_status items_exchange(char **texts, int64_t begin, int64_t end,
                          ltm_status (*take)(void *user, int64_t item, const char *text, struct ltm_error *error),
                          void *user, struct ltm_error *error);
