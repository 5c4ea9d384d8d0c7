/* Grids of numbers: n by n cells, each of the digits 1 … n once a row, once a column and once a box. A Latin square has no boxes: its
 * boxes are its columns, n by 1. A cell is the character of its digit, '0' where it is empty. */
#pragma once

enum { NUMBER_SIDE = 9, NUMBER_CELLS = NUMBER_SIDE * NUMBER_SIDE, NUMBER_GUESSES_MOST = 100 * 1000 };

struct number_grid {
    int side, box_rows, box_columns;
};

/* What a search came to.
 *
 * Search: a pass finds every cell for which one digit is left (naked singles) and every digit for which one cell of a row, column or
 * box is left (hidden singles), and fills them all at once. Where a pass finds none, the first of the cells with fewest digits left is
 * guessed, its digits in ascending order. */
struct number_search {
    int solutions; /* as many as were found, `most` at most; -1: NUMBER_GUESSES_MOST guesses did not tell */
    int passes;    /* that filled something, until all was searched */
    int guesses;   /* digits tried */
};

/* `solution` (side²): the first found, where one is; may be NULL, and may be `given`. */
struct number_search number_grid_search(const struct number_grid *grid, const char *given, char *solution, int most);

static inline int number_grid_box(const struct number_grid *grid, int row, int column) {
    return row / grid->box_rows * (grid->side / grid->box_columns) + column / grid->box_columns;
}
