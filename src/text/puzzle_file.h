/* Files of puzzles, .jsonl or .jsonl.gz, one a line; further keys are passed over:
 *
 *     {"puzzle": "0204…", "solution": "1234…", "difficulty": 3, "kind": "sudoku", "rows": 4, "columns": 4}
 *
 * Kinds, characters and difficulty: text/puzzle.h. `ltm corpus synth sudoku4` (and others) writes them, as train.jsonl and test.jsonl. */
#pragma once

#include <stddef.h>

#include "text/puzzle.h"

/* Kinds and sizes may be mixed. */
struct puzzle_list {
    struct puzzle *all; /* each one's strings are its own */
    size_t count, room;
};

/* Every puzzle is solved: it has one solution, and that is the one it comes with. LTM_INVALID names the line and what is wrong: a key that
 * is missing, an unknown kind, a wrong size, a string of another length, a character that no cell has, no solution, two, another than
 * the puzzle's; also for a file without a puzzle. LTM_IO, LTM_CORRUPT (a damaged .gz), LTM_MEMORY. After a failure the list is empty. */
ltm_status puzzle_file_read(const char *path, struct puzzle_list *list, struct ltm_error *error);

void puzzle_list_free(struct puzzle_list *list);
