/* Means over sequences with their standard errors. */
#pragma once

#include "ltm/eval.h"

/* What was not measured: NaN throughout. */
extern const struct ltm_measure no_measure;

/* Of values in nats, one a sequence: a token (each[i] of them, or `tokens` where that is NULL), and a byte where bytes are
 * known. */
struct ltm_measure score_means(const double *values, const double *bytes, const double *each, int tokens, int64_t n);
