/* Words of messages: what somebody may have meant who misspelt a name, so that the nearest known one is named; plurals. */
#pragma once

#include <stddef.h>

#include "ltm/status.h"

LTM_C_BEGIN

/* How many letters must be put in, left out, changed or swapped with their neighbour to make one name of the
 * other; upper and lower case count as the same. */
size_t ltm_name_distance(const char *a, const char *b);

/* "1 step", "2 steps": what such a word ends with. */
const char *ltm_plural(long long count);

/* The name nearest to `word`, the first of equals, or NULL when none is near enough to be worth a guess. */
const char *ltm_nearest_name(const char *word, const char *const *names, size_t count);

LTM_C_END
