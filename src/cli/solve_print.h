/* What ltm eval prints of a solver. */
#pragma once

#include <jansson.h>

/* As ltm_solve has made it. */
void solve_print(const char *puzzles, const json_t *scores);
