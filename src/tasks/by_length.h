/* Common parts of the tasks of depth: test items exceed the training lengths, and results are grouped by length and
 * depth.
 *
 * An item has "length", the axis of a curve, "range", trained or longer, and "chance", the mean accuracy of a guess
 * that knows the form of the answers. Each family has its own name for the depth of the computation. */
#pragma once

#include "tasks/synth.h"

/* The knobs that follow `problems`: fewest <= length <= longer, `most` at most. */
#define SYNTH_LENGTHS(what, most, one, two, three)                                             \
    {"length", "most " what " of a training text", 1, most, {one, two, three}, 1},             \
        {"fewest", "fewest " what, 1, most, {2, 2, 2}, 1},                                     \
        {"longer", "most " what " of a test item; 0 = twice length", 0, most, {0, 0, 0}, 1}, { \
        "heldout", "share of problems that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0        \
    }

enum { KNOB_LENGTH = KNOB_PROBLEMS + 1, KNOB_FEWEST, KNOB_LONGER, KNOB_HELDOUT, KNOB_OWN };

/* LTM_INVALID unless fewest <= length <= longer and enough of the problems at the longest training length are on either side.
 * `problems` is how many there are at that length. */
ltm_status check_lengths(const struct synth *synth, double problems, struct ltm_error *error);

/* A length of this side, before the first try for it (tries = 0), and another after many in vain. */
void draw_length(const struct synth *synth, struct draw *draw, enum synth_side side, int tries, int *length);

/* Whether a problem belongs to the other side: longer ones are tests by their length, others by their key's hash. */
bool other_side(const struct synth *synth, enum synth_side side, int length, const void *key, size_t bytes);

void add_length(json_t *facts, int length, int trained, double chance);

/* acc@range, acc@length, chance. */
void measure_length(const json_t *item, bool right, struct metric_list *list);
