/* Symmetries of a puzzle: what turns it, with its solution, into another puzzle of the same kind and size. Its
 * difficulty stays as well, but for the order in which a search of numbers would guess.
 *
 *     sudoku   digits renamed, bands of boxes, rows within a band, stacks and columns within a stack permuted, and where boxes are square
 *              rows and columns exchanged
 *     latin    digits renamed, rows and columns permuted and exchanged
 *     maze     turned and reflected (of a maze that is not square: without the quarter turns), S and G exchanged
 *     life     shifted around its edges, turned and reflected */
#pragma once

#include <stdint.h>

#include "base/random.h"
#include "text/puzzle.h"

/* Put a symmetry drawn at random in the place of given and solution. The same key draws the same; the one that leaves a puzzle as it is may be
 * drawn too. */
void puzzle_symmetry(struct puzzle *puzzle, struct random_key key);

/* A number that all images of what is given share. So two puzzles with different numbers are no images of each other; two with the same
 * number nearly always are (of numbers, what is hashed is how cells, rows, columns, boxes and digits meet, four steps far). */
uint64_t puzzle_class(const struct puzzle *puzzle);
