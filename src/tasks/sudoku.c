/* sudoku4, sudoku6, sudoku9, latin: grids of numbers with one solution.
 *
 *     sudoku4: 0 0 0 1 3 1 0 2 0 2 0 3 0 0 0 0 = 2 4 3 1 3 1 4 2 4 2 1 3 1 3 2 4
 *
 * A full grid is drawn, then one number after the other is taken out, in an order drawn at random, while the solution stays the only one:
 * down to a number of givens drawn from fewest to givens, or as few as that order allows. Difficulty is the search needed
 * (text/puzzle.h); knobs: givens, of latin the side too.
 *
 * Held out: puzzles with their images. Up to symmetry there are 2 full grids of 4 by 4 and 49 of 6 by 6, so that the solution of a test
 * puzzle of these sizes is an image of one seen in training; its givens are not. Of 9 by 9 (5.5 billion) hardly a grid comes twice.
 *
 * Source: Jolicoeur-Martineau, "Less is more: recursive reasoning with tiny networks", arXiv 2510.04871, after Wang et al., "Hierarchical
 * reasoning model", arXiv 2506.21734, for puzzles as a test of recursion; Gomes and Selman, "Problem structure in the presence of
 * perturbations", AAAI 1997, for the completion of Latin squares. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "tasks/puzzles.h"

/* Those of latin are shares of all cells. */
enum { KNOB_FEWEST = KNOB_PUZZLES_OWN, KNOB_GIVENS, KNOB_SIDE };

#define GIVENS(least, most, fewest1, fewest2, fewest3, givens1, givens2, givens3) \
    {"fewest", "fewest givens", least, most, {fewest1, fewest2, fewest3}, 1}, {   \
        "givens", "most givens", least, most, {givens1, givens2, givens3}, 1      \
    }

static const struct ltm_synth_knob knobs4[] = {SYNTH_PROBLEMS(1, 1, 1), SYNTH_PUZZLES_HELDOUT,
                                               GIVENS(4, 12, 4, 4, 4, 8, 6, 5)};
static const struct ltm_synth_knob knobs6[] = {SYNTH_PROBLEMS(1, 1, 1), SYNTH_PUZZLES_HELDOUT,
                                               GIVENS(9, 30, 12, 9, 9, 18, 14, 10)};
static const struct ltm_synth_knob knobs9[] = {SYNTH_PROBLEMS(1, 1, 1), SYNTH_PUZZLES_HELDOUT,
                                               GIVENS(23, 70, 32, 27, 23, 38, 32, 26)};
static const struct ltm_synth_knob knobs_latin[] = {
    SYNTH_PROBLEMS(1, 1, 1),
    SYNTH_PUZZLES_HELDOUT,
    {"fewest", "fewest givens, a share of the cells", 0.4, 0.8, {0.4, 0.4, 0.4}, 0},
    {"givens", "most givens, a share of the cells", 0.4, 0.8, {0.6, 0.5, 0.45}, 0},
    {"side", "rows and columns", 4, NUMBER_SIDE, {5, 6, 8}, 1},
};

struct filling {
    struct number_grid grid;
    int used[3][NUMBER_SIDE]; /* bits of the digits that a row, a column, a box has */
};

static void toggle(struct filling *f, int cell, int bit) {
    const int row = cell / f->grid.side;
    const int column = cell % f->grid.side;
    f->used[0][row] ^= bit;
    f->used[1][column] ^= bit;
    f->used[2][number_grid_box(&f->grid, row, column)] ^= bit;
}

static int left_for(const struct filling *f, int cell) {
    const int row = cell / f->grid.side;
    const int column = cell % f->grid.side;
    return ((1 << f->grid.side) - 1) &
           ~(f->used[0][row] | f->used[1][column] | f->used[2][number_grid_box(&f->grid, row, column)]);
}

/* A full grid: digits in random order for one of the cells with fewest left, back where none is. */
static bool fill(struct filling *f, struct draw *draw, char *cells) {
    int digits[NUMBER_SIDE];
    int cell = -1;
    int fewest = NUMBER_SIDE + 1;
    for (int i = 0; i < f->grid.side * f->grid.side; i++) {
        const int left = cells[i] == '0' ? __builtin_popcount((unsigned)left_for(f, i)) : fewest;
        if (left >= fewest) continue;
        fewest = left;
        cell = i;
    }
    if (cell < 0) return true;
    for (int d = 0; d < f->grid.side; d++) digits[d] = d;
    draw_shuffle(draw, digits, f->grid.side);
    for (int d = 0; d < f->grid.side; d++) {
        const int bit = 1 << digits[d];
        if (!(left_for(f, cell) & bit)) continue;
        toggle(f, cell, bit);
        cells[cell] = (char)('1' + digits[d]);
        if (fill(f, draw, cells)) return true;
        toggle(f, cell, bit);
    }
    cells[cell] = '0';
    return false;
}

/* Take numbers out until `target` are left; returns how many are. */
static int take_out(const struct number_grid *grid, struct draw *draw, char *cells, int target) {
    int order[NUMBER_CELLS];
    const int count = grid->side * grid->side;
    int left = count;
    for (int i = 0; i < count; i++) order[i] = i;
    draw_shuffle(draw, order, count);
    for (int i = 0; i < count && left > target; i++) {
        const char digit = cells[order[i]];
        cells[order[i]] = '0';
        if (number_grid_search(grid, cells, NULL, 2).solutions == 1)
            left--;
        else
            cells[order[i]] = digit;
    }
    return left;
}

static int side_of(const struct synth *synth) {
    const char *name = synth->family->public.name;
    return synth->family == &family_latin ? synth_knob(synth, KNOB_SIDE) : name[strlen(name) - 1] - '0';
}

static int givens(const struct synth *synth, int knob) {
    const int side = side_of(synth);
    return (int)lround(synth->knobs[knob] * (synth->family == &family_latin ? side * side : 1));
}

static void draw_numbers(const struct synth *synth, struct draw *draw, struct puzzle *puzzle) {
    const int most = givens(synth, KNOB_GIVENS);
    const int target = draw_between(draw, givens(synth, KNOB_FEWEST), most);
    puzzle->rows = puzzle->columns = side_of(synth);
    const struct number_grid grid = puzzle_number_grid(puzzle);
    do {
        struct filling f = {.grid = grid};
        memset(puzzle->given, '0', (size_t)(puzzle->rows * puzzle->columns));
        fill(&f, draw, puzzle->given);
    } while (take_out(&grid, draw, puzzle->given, target) > most);
}

static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    if (synth->knobs[KNOB_FEWEST] <= synth->knobs[KNOB_GIVENS]) return puzzles_check(synth, error);
    return fail(error, LTM_INVALID, "%s: fewest = %g is more than givens = %g", synth->family->public.name,
                synth->knobs[KNOB_FEWEST], synth->knobs[KNOB_GIVENS]);
}

static const struct puzzle_family sudoku = {PUZZLE_SUDOKU, draw_numbers};
static const struct puzzle_family latin = {PUZZLE_LATIN, draw_numbers};

const struct synth_family family_sudoku4 = {
    .public = {"sudoku4", "Sudoku of 4 by 4", knobs4, SYNTH_COUNT(knobs4)},
    .puzzles = &sudoku,
    .prepare = prepare,
    .problem = puzzles_problem,
    .words = puzzles_words,
    .measure = puzzles_measure,
};

const struct synth_family family_sudoku6 = {
    .public = {"sudoku6", "Sudoku of 6 by 6, boxes of 2 rows by 3 columns", knobs6, SYNTH_COUNT(knobs6)},
    .puzzles = &sudoku,
    .prepare = prepare,
    .problem = puzzles_problem,
    .words = puzzles_words,
    .measure = puzzles_measure,
};

const struct synth_family family_sudoku9 = {
    .public = {"sudoku9", "Sudoku of 9 by 9", knobs9, SYNTH_COUNT(knobs9)},
    .puzzles = &sudoku,
    .prepare = prepare,
    .problem = puzzles_problem,
    .words = puzzles_words,
    .measure = puzzles_measure,
};

const struct synth_family family_latin = {
    .public = {"latin", "completion of a Latin square: each number once a row and once a column", knobs_latin,
               SYNTH_COUNT(knobs_latin)},
    .puzzles = &latin,
    .prepare = prepare,
    .problem = puzzles_problem,
    .words = puzzles_words,
    .measure = puzzles_measure,
};
