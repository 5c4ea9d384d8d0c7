/* Texts of items divided among processes: item i belongs to process i mod n. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Items between two exchanges, for each process: enough to keep threads busy, few enough to lose in an interruption. */
enum { ITEMS_A_ROUND = 64 };

bool item_is_mine(int64_t item);

/* Called by all processes: sends the texts of items begin … end - 1 to process 0, which gets those of the others in the
 * order of items by owner. texts [at least end]: NULL if there is nothing to send; sent ones are freed. */
ltm_status items_exchange(char **texts, int64_t begin, int64_t end,
                          ltm_status (*take)(void *user, int64_t item, const char *text, struct ltm_error *error),
                          void *user, struct ltm_error *error);
