/* Words in messages: the nearest known name to a misspelt one; plurals. */
#pragma once

#include <stddef.h>

#include "ltm/status.h"

LTM_C_BEGIN

/* Edit distance: the number of letters to insert, delete, change or swap with a neighbour to turn one name into the
 * other, ignoring case. */
size_t ltm_name_distance(const char *a, const char *b);

/* The plural ending for a count: "1 step", "2 steps". */
const char *ltm_plural(long long count);

/* The name nearest to `word` (the first of several), or NULL if none is near enough to suggest. */
const char *ltm_nearest_name(const char *word, const char *const *names, size_t count);

LTM_C_END
