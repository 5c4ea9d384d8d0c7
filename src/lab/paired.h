/* Differences between runs that scored the same sequences, taken by sequence: the difficulty of the sequences, by far
 * the largest part of a score's error, cancels.
 *
 *     struct paired pairs = {.failed = &failed};
 *     paired_add(&pairs, "runs/a", "sequences", "bound", 1);
 *     paired_add(&pairs, "runs/b", "sequences", "bound", -1);
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
    bool apart;               /* not all have scores of the same sequences */
    struct ltm_error *failed; /* or NULL; why a table that is there could not be read: memory, the disk */
};

/* Add `share` times a run's scores, from a table of its sequences: FOLDER/FILE.csv. `score` is a column of a study: of
 * CORPUS:NAME the table is FOLDER/FILE-CORPUS.csv. */
void paired_add(struct paired *pairs, const char *folder, const char *file, const char *score, double share);

/* The note on such differences for the reader: those that are not paired have a star. */
const char *paired_note(bool all);

/* Nats a token with the standard error; NaN if the runs have no scores of the same sequences. Frees everything. */
struct ltm_score paired_finish(struct paired *pairs);
