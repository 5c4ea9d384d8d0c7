#include "text/number_grid.h"

#include <stdbool.h>
#include <string.h>

enum { UNITS = 3 * NUMBER_SIDE }; /* rows, columns, boxes */

struct search {
    int side, all; /* all: a bit for each digit */
    int units[NUMBER_CELLS][3];
    int most;
    char *solution;
    struct number_search result;
};

struct state {
    unsigned char digit[NUMBER_CELLS]; /* 0: empty */
    int used[UNITS];                   /* bit d - 1: the unit has digit d */
    int empty;
};

static int used_around(const struct search *s, const struct state *state, int cell) {
    const int *units = s->units[cell];
    return state->used[units[0]] | state->used[units[1]] | state->used[units[2]];
}

static bool place(const struct search *s, struct state *state, int cell, int digit) {
    const int bit = 1 << (digit - 1);
    if (used_around(s, state, cell) & bit) return false;
    for (int u = 0; u < 3; u++) state->used[s->units[cell][u]] |= bit;
    state->digit[cell] = (unsigned char)digit;
    state->empty--;
    return true;
}

/* How many cells a pass filled, or -1 where no solution is left. `left` (side²): bits of the digits left before it; 0 where a cell is full. */
static int pass(const struct search *s, struct state *state, int *left) {
    int once[UNITS] = {0};
    int twice[UNITS] = {0};
    int found[NUMBER_CELLS];
    int filled = 0;
    const int cells = s->side * s->side;
    for (int i = 0; i < cells; i++) {
        left[i] = state->digit[i] ? 0 : s->all & ~used_around(s, state, i);
        if (!state->digit[i] && !left[i]) return -1;
        for (int u = 0; u < 3; u++) {
            const int unit = s->units[i][u];
            twice[unit] |= once[unit] & left[i];
            once[unit] |= left[i];
        }
    }
    for (int u = 0; u < UNITS; u++)
        if (u % NUMBER_SIDE < s->side && (once[u] | state->used[u]) != s->all) return -1;
    for (int i = 0; i < cells; i++) {
        found[i] = left[i] & (left[i] - 1) ? 0 : left[i];
        for (int u = 0; u < 3; u++) found[i] |= left[i] & ~twice[s->units[i][u]];
        if (found[i] & (found[i] - 1)) return -1;
    }
    for (int i = 0; i < cells; i++) {
        if (!found[i]) continue;
        if (!place(s, state, i, __builtin_ctz((unsigned)found[i]) + 1)) return -1;
        filled++;
    }
    return filled;
}

static bool enough(const struct search *s) {
    return s->result.solutions >= s->most || s->result.guesses > NUMBER_GUESSES_MOST;
}

static void search(struct search *s, struct state *state) {
    int left[NUMBER_CELLS] = {0};
    int filled;
    int guess = 0;
    const int cells = s->side * s->side;
    while (state->empty > 0 && (filled = pass(s, state, left)) != 0) {
        if (filled < 0) return;
        s->result.passes++;
    }
    if (state->empty == 0) {
        for (int i = 0; i < cells && s->solution && !s->result.solutions; i++)
            s->solution[i] = (char)('0' + state->digit[i]);
        s->result.solutions++;
        return;
    }
    for (int i = 0; i < cells; i++)
        if (left[i] &&
            (!left[guess] || __builtin_popcount((unsigned)left[i]) < __builtin_popcount((unsigned)left[guess])))
            guess = i;
    for (int digit = 1; digit <= s->side && !enough(s); digit++) {
        struct state next = *state;
        if (!(left[guess] >> (digit - 1) & 1)) continue;
        s->result.guesses++;
        if (place(s, &next, guess, digit)) search(s, &next);
    }
}

struct number_search number_grid_search(const struct number_grid *grid, const char *given, char *solution, int most) {
    struct search s = {.side = grid->side, .all = (1 << grid->side) - 1, .most = most, .solution = solution};
    struct state state = {.empty = grid->side * grid->side};
    for (int i = 0; i < grid->side * grid->side; i++) {
        const int row = i / grid->side;
        const int column = i % grid->side;
        s.units[i][0] = row;
        s.units[i][1] = NUMBER_SIDE + column;
        s.units[i][2] = 2 * NUMBER_SIDE + number_grid_box(grid, row, column);
    }
    for (int i = 0; i < grid->side * grid->side; i++)
        if (given[i] != '0' && !place(&s, &state, i, given[i] - '0')) return s.result;
    search(&s, &state);
    if (s.result.guesses > NUMBER_GUESSES_MOST && s.result.solutions < most) s.result.solutions = -1;
    return s.result;
}
