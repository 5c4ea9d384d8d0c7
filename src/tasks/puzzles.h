/* What families of puzzles share: an item is a line of a puzzle file (text/puzzle_file.h) and a question in words at once.
 *
 *     context  sudoku4: 0 0 0 1 3 1 0 2 0 2 0 3 0 0 0 0 =        row after row, each cell a word; of mazes w a wall, f a free cell
 *     answer   2 4 3 1 3 1 4 2 4 2 1 3 1 3 2 4
 *
 * Held out: classes of puzzles that are images of each other (text/puzzle_symmetry.h), so that no test puzzle is an image of a training
 * one. Documents hold images of the training items, drawn at random, and no other puzzles: what a language model reads is what a solver
 * that trains on train.jsonl with images sees. */
#pragma once

#include "tasks/synth.h"
#include "text/puzzle.h"

struct puzzle_family {
    enum puzzle_kind kind;
    void (*draw)(const struct synth *synth, struct draw *draw,
                 struct puzzle *puzzle); /* given, rows and columns; where it
                                                       has not one solution it is drawn again */
};

/* The second knob. */
#define SYNTH_PUZZLES_HELDOUT \
    { "heldout", "share of puzzles, with their images by symmetry, that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0 }
enum { KNOB_PUZZLES_HELDOUT = KNOB_PROBLEMS + 1, KNOB_PUZZLES_OWN };

/* For `prepare`: LTM_INVALID unless there are puzzles on both sides. */
ltm_status puzzles_check(struct synth *synth, struct ltm_error *error);

int puzzles_words(const struct synth *synth);
void puzzles_problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *problem);

/* acc@difficulty; cells and cells@difficulty: of the cells that are to be found, the share that is right in its place. */
void puzzles_measure(const json_t *item, const char *output, bool right, struct metric_list *list);
