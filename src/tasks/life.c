/* life: a board of Conway's game after k steps, the iteration of a rule on a grid whose edges meet.
 *
 *     life: 0 0 0 0 0 0 0 1 0 0 0 0 1 0 0 … = 0 0 0 0 0 0 0 0 0 0 0 o o o 0 …        live cells say how many steps
 *
 * Live cells are drawn at random. Difficulty: steps; knobs: rows, columns, steps, share of live cells.
 *
 * Held out: boards with their shifts, turns and reflections, for each number of steps by itself.
 *
 * Source: Gardner, "The fantastic combinations of John Conway's new solitaire game life", Scientific American 223 (1970). */
#include "tasks/puzzles.h"

enum { KNOB_ROWS = KNOB_PUZZLES_OWN, KNOB_COLUMNS, KNOB_STEPS, KNOB_LIVE };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(1, 1, 1),
    SYNTH_PUZZLES_HELDOUT,
    {"rows", "rows", 5, 16, {8, 8, 10}, 1},
    {"columns", "columns", 5, 16, {8, 8, 10}, 1},
    {"steps", "most steps", 1, 9, {2, 4, 8}, 1},
    {"live", "share of live cells", 0.1, 0.9, {0.35, 0.35, 0.35}, 0},
};

static void draw_life(const struct synth *synth, struct draw *draw, struct puzzle *life) {
    const int steps = draw_between(draw, 1, synth_knob(synth, KNOB_STEPS));
    life->rows = synth_knob(synth, KNOB_ROWS);
    life->columns = synth_knob(synth, KNOB_COLUMNS);
    for (int i = 0; i < life->rows * life->columns; i++)
        life->given[i] = (char)(draw_chance(draw, synth->knobs[KNOB_LIVE]) ? '0' + steps : '.');
}

static const struct puzzle_family puzzles = {PUZZLE_LIFE, draw_life};

const struct synth_family family_life = {
    .public = {"life", "the game of life, several steps on", knobs, SYNTH_COUNT(knobs)},
    .puzzles = &puzzles,
    .prepare = puzzles_check,
    .problem = puzzles_problem,
    .words = puzzles_words,
    .measure = puzzles_measure,
};
