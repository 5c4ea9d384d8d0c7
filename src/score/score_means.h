/* Means over sequences with their standard errors. */
#pragma once

#include "ltm/eval.h"

/* For anything not measured: all NaN. */
extern const struct ltm_measure no_measure;

/* Of values in nats, one a sequence: per token (each[i] of them, or `tokens` if that is NULL), and per byte if bytes
 * are known. */
struct ltm_measure score_means(const double *values, const double *bytes, const double *each, int tokens, int64_t n);
