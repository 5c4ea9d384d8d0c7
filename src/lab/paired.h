/* Differences between runs that scored the same sequences, taken of each sequence first: how hard the sequences are, by far the most of a
 * score's error, is in both and goes away.
 *
 *     struct paired pairs = {0};
 *     paired_add(&pairs, "runs/a", "bound", 1);
 *     paired_add(&pairs, "runs/b", "bound", -1);
 *     struct ltm_score a_minus_b = paired_finish(&pairs);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ltm/eval.h"

struct paired {
    double *value, *tokens; /* [count], of each sequence */
    char (*name)[17];
    size_t count;
    bool apart; /* not all have scores of the same sequences */
};

/* Add `share` of a run's scores, out of the table of its sequences in `folder`. `score` is a column of a study: a corpus's before a
 * colon. */
void paired_add(struct paired *pairs, const char *folder, const char *score, double share);

/* What the reader of such differences is told: those that are not paired have a star. */
const char *paired_note(bool all);

/* Nats a token with the standard error; NaN where the runs have no scores of the same sequences. All is freed. */
struct ltm_score paired_finish(struct paired *pairs);
