/* Puzzles with their answers, a JSON object a line:
 *
 *     {"puzzle": "0204…", "solution": "1234…", "difficulty": 3, "kind": "sudoku", "rows": 4, "columns": 4}
 *
 * A cell is one printable ASCII character, of puzzle and solution alike, row by row; all puzzles have one size. The alphabet is the sorted
 * set of the characters of those that are trained on, and a cell's token its place there. */
#pragma once

#include <stdint.h>

#include "base/error.h"

enum { PUZZLE_ALPHABET = 96 }; /* characters and a NUL */

struct puzzles {
    int64_t count;
    int rows, columns; /* their product is T */
    char alphabet[PUZZLE_ALPHABET];
    int32_t *givens, *solutions; /* (count, T) */
    int *difficulty;             /* (count) */
};

/* alphabet: of the model that is to solve them; NULL = their own. LTM_INVALID names the line that is no puzzle, of another size than the
 * first, or with a character that the alphabet has not; and a file without any. */
ltm_status puzzles_read(struct puzzles *puzzles, const char *path, const char *alphabet, struct ltm_error *error);
void puzzles_free(struct puzzles *puzzles);

static inline int puzzle_cells(const struct puzzles *puzzles) { return puzzles->rows * puzzles->columns; }
