/* Puzzles with their answers, in memory as a solver reads them: a cell is a token, its character's place in the alphabet, which is the
 * sorted set of the characters of the puzzles that are trained on. text/puzzle_file.h reads and checks the file. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

enum { PUZZLE_ALPHABET = 96 }; /* characters and a NUL */

struct puzzles {
    int64_t count;
    int rows, columns; /* of all of them; their product is T */
    char alphabet[PUZZLE_ALPHABET];
    int32_t *givens, *solutions; /* (count, T) */
    int *kinds;                  /* (count): enum puzzle_kind */
    int *difficulty;             /* (count) */
};

/* alphabet: of the model that is to solve them; NULL = their own. Fails as puzzle_file_read does, and with LTM_INVALID for the line of
 * another size than those before it, or with a character that the alphabet lacks. */
ltm_status puzzles_read(struct puzzles *puzzles, const char *path, const char *alphabet, struct ltm_error *error);
void puzzles_free(struct puzzles *puzzles);

/* givens and solution (T): the i-th puzzle's; with `image` those of an image by symmetry (text/puzzle_symmetry.h), drawn by that key. */
void puzzles_take(const struct puzzles *puzzles, int64_t i, const struct random_key *image, int32_t *givens,
                  int32_t *solution);

/* The token of an empty cell of numbers, or -1: the alphabet has none. */
int puzzles_empty(const struct puzzles *puzzles);

static inline int puzzle_cells(const struct puzzles *puzzles) { return puzzles->rows * puzzles->columns; }
