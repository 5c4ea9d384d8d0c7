/* Fuzz target: files of puzzles. What is read has one solution, and so have its images. */
#define FUZZ_NAME "puzzles"
#include "fuzz/fuzz.h"

#include "text/puzzle_file.h"
#include "text/puzzle_symmetry.h"

static void look_at(struct puzzle *puzzle) {
    const struct random_key key = {.seed = 1, .purpose = 99};
    const size_t cells = (size_t)(puzzle->rows * puzzle->columns);
    const uint64_t class = puzzle_class(puzzle);
    char solution[PUZZLE_CELLS];
    int difficulty;
    FUZZ_CHECK(cells >= 4 && cells <= PUZZLE_CELLS && strlen(puzzle->given) == cells);
    puzzle_symmetry(puzzle, key);
    FUZZ_CHECK(puzzle_check_cells(puzzle, NULL) == LTM_OK && puzzle_class(puzzle) == class);
    FUZZ_CHECK(puzzle_solve(puzzle, solution, &difficulty, NULL) == LTM_OK);
    FUZZ_CHECK(memcmp(solution, puzzle->solution, cells) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    struct puzzle_list list;
    if (!fuzz_ok(puzzle_file_read(fuzz_put("puzzles.jsonl", data, size), &list, &error), &error)) return 0;
    for (size_t i = 0; i < list.count && i < 16; i++) look_at(&list.all[i]);
    puzzle_list_free(&list);
    return 0;
}
