/* Puzzles on a grid, one ASCII character a cell, row after row: what is given, and the one solution.
 *
 *     sudoku   n by n, n = 4, 6 or 9, boxes of 2 by 2, 2 by 3 (rows by columns) or 3 by 3; '0' = empty, '1' … 'n'
 *     latin    n by n, 2 … 9: a Latin square, each digit once a row and once a column
 *     maze     '#' a wall, ' ' free, 'S' start, 'G' goal; solution: 'o' on the shortest way from S to G, of which there is one
 *     life     a board of Conway's game whose edges meet; '.' dead, and the digit of a live cell says how many steps are to be taken;
 *              solution: the board after them, 'o' live
 *
 * Difficulty is the search needed. Numbers: passes that fill cells and digits guessed until all is searched (text/number_grid.h),
 * PUZZLE_HARDEST at most. Mazes: steps from S to G, in fives (12 steps: 10). Life: steps. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "text/number_grid.h"

enum puzzle_kind { PUZZLE_SUDOKU, PUZZLE_LATIN, PUZZLE_MAZE, PUZZLE_LIFE, PUZZLE_KINDS };

enum { PUZZLE_SIDE = 32, PUZZLE_CELLS = PUZZLE_SIDE * PUZZLE_SIDE, PUZZLE_HARDEST = 20 };

extern const char *const puzzle_kind_names[PUZZLE_KINDS];

struct puzzle {
    enum puzzle_kind kind;
    int rows, columns, difficulty;
    int64_t line;           /* of the file that it is from */
    char *given, *solution; /* rows · columns characters, then NUL; whose they are the user says */
};

/* LTM_INVALID, in words, unless there are puzzles of this kind and size. */
ltm_status puzzle_check_size(enum puzzle_kind kind, int rows, int columns, struct ltm_error *error);

/* LTM_INVALID, with row and column, for a character that no cell of `given`, or of `solution`, can have. */
ltm_status puzzle_check_cells(const struct puzzle *puzzle, struct ltm_error *error);

/* Solve what is given: solution (rows · columns, no NUL; not `given`) and difficulty. LTM_INVALID, in words: no solution, or
 * more than one. Size and characters are as the checks above want them. */
ltm_status puzzle_solve(const struct puzzle *puzzle, char *solution, int *difficulty, struct ltm_error *error);

/* Of a puzzle of numbers. */
struct number_grid puzzle_number_grid(const struct puzzle *puzzle);
bool puzzle_has_numbers(const struct puzzle *puzzle);

/* Steps from `from` to each cell that is no wall, or -1; ways (rows · columns): how many shortest ones, 2 for two or more. */
void maze_distances(const struct puzzle *maze, int from, int *steps, int *ways);
