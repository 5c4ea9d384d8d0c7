/* maze: the shortest way from S to G, of which there is one.
 *
 *     maze: S f f w w w f w f w f w w w f G = S o o w w w o w f w o w w w o G
 *
 * Corridors grow from a cell, depth first, into walls that touch no other corridor: a tree, every way the only one. Then up to `loops`
 * walls between corridors are opened, after which there are longer ways too. S is any free cell, G any that is `shortest` steps away or
 * more and has one shortest way. Difficulty: steps from S to G, in fives; knobs: rows, columns, shortest, loops.
 *
 * Held out: mazes with their turns and reflections, also with S and G exchanged.
 *
 * Source: Lehnert et al., "Beyond A*", arXiv 2402.14083; as a test of recursion Wang et al., arXiv 2506.21734. */
#include <string.h>

#include "tasks/puzzles.h"

enum { KNOB_ROWS = KNOB_PUZZLES_OWN, KNOB_COLUMNS, KNOB_SHORTEST, KNOB_LOOPS };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(1, 1, 1),
    SYNTH_PUZZLES_HELDOUT,
    {"rows", "rows", 5, PUZZLE_SIDE, {10, 14, 20}, 1},
    {"columns", "columns", 5, PUZZLE_SIDE, {10, 14, 20}, 1},
    {"shortest", "least steps from S to G", 2, 8, {5, 5, 5}, 1},
    {"loops", "most walls opened between corridors", 0, 100, {4, 8, 16}, 1},
};

/* Neighbours that are no wall; `walls` (4) and *count: those that are. */
static int open_around(const struct puzzle *maze, int cell, int *walls, int *count) {
    const int row = cell / maze->columns;
    const int column = cell % maze->columns;
    const int near[] = {row > 0 ? cell - maze->columns : -1, column > 0 ? cell - 1 : -1,
                        column + 1 < maze->columns ? cell + 1 : -1, row + 1 < maze->rows ? cell + maze->columns : -1};
    int open = 0;
    *count = 0;
    for (int d = 0; d < 4; d++) {
        if (near[d] < 0) continue;
        if (maze->given[near[d]] == '#')
            walls[(*count)++] = near[d];
        else
            open++;
    }
    return open;
}

static void grow(struct draw *draw, struct puzzle *maze, int cell) {
    int way[PUZZLE_CELLS];
    int walls[4];
    int others[4];
    int count;
    int other_count;
    int length = 1;
    way[0] = cell;
    maze->given[cell] = ' ';
    while (length > 0) {
        open_around(maze, way[length - 1], walls, &count);
        draw_shuffle(draw, walls, count);
        int next = -1;
        for (int i = 0; i < count && next < 0; i++)
            if (open_around(maze, walls[i], others, &other_count) == 1) next = walls[i];
        if (next < 0) {
            length--;
            continue;
        }
        maze->given[next] = ' ';
        way[length++] = next;
    }
}

static void open_loops(struct draw *draw, struct puzzle *maze, int loops) {
    int around[4];
    int count;
    for (int i = 0; i < loops; i++) {
        const int cell = (int)draw_below(draw, (uint32_t)(maze->rows * maze->columns));
        if (open_around(maze, cell, around, &count) >= 2) maze->given[cell] = ' ';
    }
}

/* S and G; false where no cell is far enough from S. */
static bool put_ends(struct draw *draw, struct puzzle *maze, int shortest) {
    int steps[PUZZLE_CELLS];
    int ways[PUZZLE_CELLS];
    int goals[PUZZLE_CELLS];
    int count = 0;
    int start;
    const int cells = maze->rows * maze->columns;
    do start = (int)draw_below(draw, (uint32_t)cells);
    while (maze->given[start] == '#');
    maze_distances(maze, start, steps, ways);
    for (int i = 0; i < cells; i++)
        if (steps[i] >= shortest && ways[i] == 1) goals[count++] = i;
    if (count == 0) return false;
    maze->given[start] = 'S';
    maze->given[goals[draw_below(draw, (uint32_t)count)]] = 'G';
    return true;
}

static void draw_maze(const struct synth *synth, struct draw *draw, struct puzzle *maze) {
    maze->rows = synth_knob(synth, KNOB_ROWS);
    maze->columns = synth_knob(synth, KNOB_COLUMNS);
    const int cells = maze->rows * maze->columns;
    do {
        memset(maze->given, '#', (size_t)cells);
        grow(draw, maze, (int)draw_below(draw, (uint32_t)cells));
        open_loops(draw, maze, draw_between(draw, 0, synth_knob(synth, KNOB_LOOPS)));
    } while (!put_ends(draw, maze, synth_knob(synth, KNOB_SHORTEST)));
}

static const struct puzzle_family puzzles = {PUZZLE_MAZE, draw_maze};

const struct synth_family family_maze = {
    .public = {"maze", "the shortest way through a maze", knobs, SYNTH_COUNT(knobs)},
    .puzzles = &puzzles,
    .prepare = puzzles_check,
    .problem = puzzles_problem,
    .words = puzzles_words,
    .measure = puzzles_measure,
};
