#include "text/puzzle.h"

#include <stdio.h>
#include <string.h>

const char *const puzzle_kind_names[PUZZLE_KINDS] = {"sudoku", "latin", "maze", "life"};

bool puzzle_has_numbers(const struct puzzle *puzzle) {
    return puzzle->kind == PUZZLE_SUDOKU || puzzle->kind == PUZZLE_LATIN;
}

static bool fits(enum puzzle_kind kind, int rows, int columns) {
    switch (kind) {
    case PUZZLE_SUDOKU:
        return rows == columns && (rows == 4 || rows == 6 || rows == 9);
    case PUZZLE_LATIN:
        return rows == columns && rows >= 2 && rows <= NUMBER_SIDE;
    default:
        return rows >= 3 && rows <= PUZZLE_SIDE && columns >= 3 && columns <= PUZZLE_SIDE;
    }
}

ltm_status puzzle_check_size(enum puzzle_kind kind, int rows, int columns, struct ltm_error *error) {
    static const char *const sizes[PUZZLE_KINDS] = {
        [PUZZLE_SUDOKU] = "4 by 4, 6 by 6 or 9 by 9",
        [PUZZLE_LATIN] = "from 2 by 2 to 9 by 9, as many rows as columns",
        [PUZZLE_MAZE] = "from 3 by 3 to 32 by 32",
        [PUZZLE_LIFE] = "from 3 by 3 to 32 by 32",
    };
    if (fits(kind, rows, columns)) return LTM_OK;
    return fail(error, LTM_INVALID, "a %s of %d by %d is of the wrong size; it must be %s", puzzle_kind_names[kind],
                rows, columns, sizes[kind]);
}

static bool may_be(const struct puzzle *puzzle, bool solution, char cell) {
    switch (puzzle->kind) {
    case PUZZLE_SUDOKU:
    case PUZZLE_LATIN:
        return cell >= (solution ? '1' : '0') && cell <= '0' + puzzle->rows;
    case PUZZLE_MAZE:
        return cell && strchr(solution ? "# SGo" : "# SG", cell);
    default:
        return cell == '.' || (solution ? cell == 'o' : cell >= '1' && cell <= '9');
    }
}

ltm_status puzzle_check_cells(const struct puzzle *puzzle, struct ltm_error *error) {
    for (int k = 0; k < 2; k++) {
        const char *cells = k ? puzzle->solution : puzzle->given;
        for (int i = 0; i < puzzle->rows * puzzle->columns; i++) {
            if (may_be(puzzle, k, cells[i])) continue;
            char what[] = "a blank or a character that is not ASCII";
            if (cells[i] > ' ' && cells[i] < 127) snprintf(what, sizeof what, "'%c'", cells[i]);
            return fail(error, LTM_INVALID, "\"%s\" has %s in row %d, column %d, which is no cell of a %s",
                        k ? "solution" : "puzzle", what, i / puzzle->columns + 1, i % puzzle->columns + 1,
                        puzzle_kind_names[puzzle->kind]);
        }
    }
    return LTM_OK;
}

/* ---- Numbers ---- */

struct number_grid puzzle_number_grid(const struct puzzle *puzzle) {
    const int side = puzzle->rows;
    if (puzzle->kind == PUZZLE_LATIN) return (struct number_grid){side, side, 1};
    return (struct number_grid){side, side == 9 ? 3 : 2, side == 4 ? 2 : 3};
}

static int difficulty_of(const struct number_search *search) {
    const int needed = search->passes + search->guesses;
    return needed < PUZZLE_HARDEST ? needed : PUZZLE_HARDEST;
}

static ltm_status solve_numbers(const struct puzzle *puzzle, char *solution, int *difficulty, struct ltm_error *error) {
    const struct number_grid grid = puzzle_number_grid(puzzle);
    const struct number_search search = number_grid_search(&grid, puzzle->given, solution, 2);
    *difficulty = difficulty_of(&search);
    if (search.solutions == 1) return LTM_OK;
    if (search.solutions < 0)
        return fail(error, LTM_INVALID, "the puzzle is not decided after %d guesses: leave it out",
                    NUMBER_GUESSES_MOST);
    return fail(error, LTM_INVALID, "the puzzle has %s solution; it must have one",
                search.solutions ? "more than one" : "no");
}

/* ---- Mazes ---- */

static int step_from(const struct puzzle *maze, int cell, int direction) {
    static const int down[] = {-1, 0, 0, 1};
    static const int right[] = {0, -1, 1, 0};
    const int row = cell / maze->columns + down[direction];
    const int column = cell % maze->columns + right[direction];
    const bool inside = row >= 0 && row < maze->rows && column >= 0 && column < maze->columns;
    return inside && maze->given[row * maze->columns + column] != '#' ? row * maze->columns + column : -1;
}

void maze_distances(const struct puzzle *maze, int from, int *steps, int *ways) {
    int queue[PUZZLE_CELLS];
    int reached = 1;
    for (int i = 0; i < maze->rows * maze->columns; i++) steps[i] = -1, ways[i] = 0;
    queue[0] = from;
    steps[from] = 0;
    ways[from] = 1;
    for (int at = 0; at < reached; at++)
        for (int d = 0; d < 4; d++) {
            const int next = step_from(maze, queue[at], d);
            if (next < 0) continue;
            if (steps[next] < 0) {
                steps[next] = steps[queue[at]] + 1;
                queue[reached++] = next;
            }
            if (steps[next] == steps[queue[at]] + 1 && (ways[next] += ways[queue[at]]) > 2) ways[next] = 2;
        }
}

/* From the goal back: a neighbour that is a step nearer each time, of which there is one. */
static void draw_way(const struct puzzle *maze, const int *steps, int goal, char *solution) {
    memcpy(solution, maze->given, (size_t)(maze->rows * maze->columns));
    for (int at = goal; steps[at] > 0;) {
        if (at != goal) solution[at] = 'o';
        int next = -1;
        for (int d = 0; d < 4 && next < 0; d++) {
            const int near = step_from(maze, at, d);
            if (near >= 0 && steps[near] == steps[at] - 1) next = near;
        }
        at = next;
    }
}

static int count_of(const struct puzzle *puzzle, char cell, int *place) {
    int count = 0;
    for (int i = 0; i < puzzle->rows * puzzle->columns; i++)
        if (puzzle->given[i] == cell) *place = i, count++;
    return count;
}

static ltm_status solve_maze(const struct puzzle *maze, char *solution, int *difficulty, struct ltm_error *error) {
    int steps[PUZZLE_CELLS];
    int ways[PUZZLE_CELLS];
    int start = 0;
    int goal = 0;
    if (count_of(maze, 'S', &start) != 1 || count_of(maze, 'G', &goal) != 1)
        return fail(error, LTM_INVALID, "the maze must have one S and one G");
    maze_distances(maze, start, steps, ways);
    if (ways[goal] != 1)
        return fail(error, LTM_INVALID, "the puzzle has %s; it must have one",
                    ways[goal] ? "more than one solution: there are two shortest ways from S to G"
                               : "no solution: no way leads from S to G");
    draw_way(maze, steps, goal, solution);
    *difficulty = steps[goal] / 5 * 5;
    return LTM_OK;
}

/* ---- Life ---- */

static void life_step(const struct puzzle *life, const char *before, char *after) {
    const int rows = life->rows;
    const int columns = life->columns;
    for (int i = 0; i < rows * columns; i++) {
        int live = 0;
        for (int k = 0; k < 9; k++) {
            const int row = (i / columns + k / 3 - 1 + rows) % rows;
            const int column = (i % columns + k % 3 - 1 + columns) % columns;
            if (k != 4) live += before[row * columns + column] == 'o';
        }
        after[i] = live == 3 || (live == 2 && before[i] == 'o') ? 'o' : '.';
    }
}

static ltm_status solve_life(const struct puzzle *life, char *solution, int *difficulty, struct ltm_error *error) {
    char board[PUZZLE_CELLS];
    const int cells = life->rows * life->columns;
    int steps = 0;
    for (int i = 0; i < cells; i++) {
        const char cell = life->given[i];
        board[i] = cell == '.' ? '.' : 'o';
        if (cell == '.') continue;
        if (steps && cell != '0' + steps)
            return fail(error, LTM_INVALID, "live cells say %d steps and %c steps; all must say the same", steps, cell);
        steps = cell - '0';
    }
    if (steps == 0) return fail(error, LTM_INVALID, "the board has no live cell, and so no number of steps");
    for (int k = 0; k < steps; k++) {
        life_step(life, board, solution);
        memcpy(board, solution, (size_t)cells);
    }
    *difficulty = steps;
    return LTM_OK;
}

ltm_status puzzle_solve(const struct puzzle *puzzle, char *solution, int *difficulty, struct ltm_error *error) {
    if (puzzle_has_numbers(puzzle)) return solve_numbers(puzzle, solution, difficulty, error);
    if (puzzle->kind == PUZZLE_MAZE) return solve_maze(puzzle, solution, difficulty, error);
    return solve_life(puzzle, solution, difficulty, error);
}
