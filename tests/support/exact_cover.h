/* Grids of numbers as exact covers, solved by Knuth's dancing links ("Dancing links", arXiv cs/0011047): another algorithm than the
 * library's, which fills cells by what is left for them. A choice is a digit in a cell; it covers its cell, its digit in its row, in its
 * column and, in Sudoku, in its box, each of which is to be covered once. */
#ifndef TESTS_SUPPORT_EXACT_COVER_H
#define TESTS_SUPPORT_EXACT_COVER_H

#include <stdbool.h>

enum {
    COVER_SIDE = 9,
    COVER_COLUMNS = 4 * COVER_SIDE * COVER_SIDE,
    COVER_NODES = COVER_COLUMNS * (COVER_SIDE + 1) + 1
};

struct cover {
    int left[COVER_NODES], right[COVER_NODES], up[COVER_NODES], down[COVER_NODES];
    int column[COVER_NODES], choice[COVER_NODES], size[COVER_COLUMNS + 1];
    int nodes, side, most, found;
    int chosen[COVER_SIDE * COVER_SIDE];
    char *solution;
};

static inline void cover_column(struct cover *c, int column) {
    c->right[c->left[column]] = c->right[column];
    c->left[c->right[column]] = c->left[column];
    for (int i = c->down[column]; i != column; i = c->down[i])
        for (int j = c->right[i]; j != i; j = c->right[j]) {
            c->down[c->up[j]] = c->down[j];
            c->up[c->down[j]] = c->up[j];
            c->size[c->column[j]]--;
        }
}

static inline void uncover_column(struct cover *c, int column) {
    for (int i = c->up[column]; i != column; i = c->up[i])
        for (int j = c->left[i]; j != i; j = c->left[j]) {
            c->down[c->up[j]] = j;
            c->up[c->down[j]] = j;
            c->size[c->column[j]]++;
        }
    c->right[c->left[column]] = column;
    c->left[c->right[column]] = column;
}

static inline void cover_search(struct cover *c, int depth) {
    int column = c->right[0];
    if (column == 0) {
        for (int i = 0; i < depth && c->found == 0; i++)
            c->solution[c->chosen[i] / c->side] = (char)('1' + c->chosen[i] % c->side);
        c->found++;
        return;
    }
    for (int k = column; k != 0; k = c->right[k])
        if (c->size[k] < c->size[column]) column = k;
    cover_column(c, column);
    for (int i = c->down[column]; i != column && c->found < c->most; i = c->down[i]) {
        c->chosen[depth] = c->choice[i];
        for (int j = c->right[i]; j != i; j = c->right[j]) cover_column(c, c->column[j]);
        cover_search(c, depth + 1);
        for (int j = c->left[i]; j != i; j = c->left[j]) uncover_column(c, c->column[j]);
    }
    uncover_column(c, column);
}

/* How many solutions, `most` at most; solution (side²): the first. box_rows = 0: none. */
static inline int cover_solve(int side, int box_rows, int box_columns, const char *given, char *solution, int most) {
    static struct cover c;
    const int cells = side * side;
    const int columns = (box_rows ? 4 : 3) * cells;
    c = (struct cover){.side = side, .most = most, .solution = solution};
    for (int k = 0; k <= columns; k++) {
        c.left[k] = k ? k - 1 : columns;
        c.right[k] = k < columns ? k + 1 : 0;
        c.up[k] = k;
        c.down[k] = k;
        c.column[k] = k;
    }
    c.nodes = columns + 1;
    for (int choice = 0; choice < cells * side; choice++) {
        const int cell = choice / side;
        const int digit = choice % side;
        const int row = cell / side;
        const int column = cell % side;
        const int box = box_rows ? row / box_rows * (side / box_columns) + column / box_columns : 0;
        const int covers[] = {cell, cells + row * side + digit, 2 * cells + column * side + digit,
                              3 * cells + box * side + digit};
        const int first = c.nodes;
        if (given[cell] != '0' && given[cell] != '1' + digit) continue;
        for (int k = 0; k < (box_rows ? 4 : 3); k++) {
            const int node = c.nodes++;
            const int of = covers[k] + 1;
            c.choice[node] = choice;
            c.column[node] = of;
            c.up[node] = c.up[of];
            c.down[node] = of;
            c.down[c.up[of]] = node;
            c.up[of] = node;
            c.size[of]++;
            c.left[node] = k ? c.left[first] : node;
            c.right[c.left[node]] = node;
            c.right[node] = first;
            c.left[first] = node;
        }
    }
    cover_search(&c, 0);
    return c.found;
}

#endif
