/* Families of puzzles: one solution by another algorithm, nothing held out is an image of what is trained on, documents hold images of the
 * training items, outputs are scored by difficulty. */
#include "support/canonical_form.h"
#include "support/exact_cover.h"
#include "tasks/synth_unit.h"

#include "text/puzzle_symmetry.h"

static struct puzzle puzzle_of(const json_t *item) {
    struct puzzle puzzle = {.rows = integer_of(item, "rows"),
                            .columns = integer_of(item, "columns"),
                            .difficulty = integer_of(item, "difficulty"),
                            .given = (char *)(uintptr_t)string_of(item, "puzzle"),
                            .solution = (char *)(uintptr_t)string_of(item, "solution")};
    while (strcmp(puzzle_kind_names[puzzle.kind], string_of(item, "kind")) != 0) puzzle.kind++;
    return puzzle;
}

static void grids_of_numbers_have_one_solution_by_exact_cover(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int items, level, side, box_rows, box_columns, fewest, most;
    } sorts[] = {{"sudoku4", 200, 1, 4, 2, 2, 4, 8},  {"sudoku4", 200, 3, 4, 2, 2, 4, 5},
                 {"sudoku6", 100, 2, 6, 2, 3, 9, 14}, {"sudoku9", 60, 1, 9, 3, 3, 32, 38},
                 {"sudoku9", 15, 3, 9, 3, 3, 20, 26}, {"latin", 60, 2, 6, 0, 0, 14, 18}};
    for (size_t s = 0; s < sizeof sorts / sizeof *sorts; s++) {
        struct synth synth = open_family(sorts[s].name, sorts[s].level, 3, NULL);
        int hardest = 0;
        int easiest = PUZZLE_HARDEST;
        for (int i = 0; i < sorts[s].items; i++) {
            json_t *item = item_of(&synth, i % 2 ? SYNTH_TEST : SYNTH_TRAIN, (uint64_t)i);
            const struct puzzle puzzle = puzzle_of(item);
            const int cells = sorts[s].side * sorts[s].side;
            char solution[NUMBER_CELLS];
            int givens = 0;
            assert_true(puzzle.rows == sorts[s].side && puzzle.columns == sorts[s].side);
            assert_true((int)strlen(puzzle.given) == cells && (int)strlen(puzzle.solution) == cells);
            assert_int_equal(
                cover_solve(puzzle.rows, sorts[s].box_rows, sorts[s].box_columns, puzzle.given, solution, 2), 1);
            assert_memory_equal(solution, puzzle.solution, (size_t)cells);
            for (int k = 0; k < cells; k++) givens += puzzle.given[k] != '0';
            assert_in_range(givens, sorts[s].fewest, sorts[s].most);
            if (puzzle.difficulty > hardest) hardest = puzzle.difficulty;
            if (puzzle.difficulty < easiest) easiest = puzzle.difficulty;
            json_decref(item);
        }
        assert_true(easiest >= 1 && easiest < hardest && hardest <= PUZZLE_HARDEST);
        synth_close(&synth);
    }
}

/* Few classes, so that sides drawn by text alone would share some. */
static void no_test_puzzle_is_an_image_of_a_training_one(void **state) {
    (void)state;
    enum { TRAIN = 300, TEST = 100 };
    static char trained[TRAIN][17];
    struct synth synth = open_family("sudoku4", 2, 3, NULL);
    for (int i = 0; i < TRAIN; i++) {
        json_t *item = item_of(&synth, SYNTH_TRAIN, (uint64_t)i);
        canonical(string_of(item, "puzzle"), trained[i]);
        json_decref(item);
    }
    for (int i = 0; i < TEST; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        char form[17];
        canonical(string_of(item, "puzzle"), form);
        for (int k = 0; k < TRAIN; k++) assert_string_not_equal(form, trained[k]);
        json_decref(item);
    }
    synth_close(&synth);
}

static char of_word(enum puzzle_kind kind, char word) {
    return (char)(word == 'w' ? '#' : word == 'f' ? ' ' : word == '0' && kind == PUZZLE_LIFE ? '.' : word);
}

/* By class, which all images share (tests/text/test_puzzles.c). */
static void documents_hold_images_of_training_items(void **state) {
    (void)state;
    enum { TRAIN = 20, DOCUMENTS = 60 };
    static const char *const names[] = {"sudoku4", "sudoku6", "sudoku9", "latin", "maze", "life"};
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        struct synth synth = open_family(names[f], 1, 3, (const char *const[]){"problems=1", NULL});
        uint64_t classes[TRAIN];
        struct puzzle puzzle = {0};
        struct text document = {0};
        int as_it_was = 0;
        synth.train_items = TRAIN;
        char contexts[TRAIN][2 * PUZZLE_CELLS];
        for (int i = 0; i < TRAIN; i++) {
            json_t *item = item_of(&synth, SYNTH_TRAIN, (uint64_t)i);
            puzzle = puzzle_of(item);
            classes[i] = puzzle_class(&puzzle);
            snprintf(contexts[i], sizeof contexts[i], "%s", string_of(item, "context"));
            json_decref(item);
        }
        for (int i = 0; i < DOCUMENTS; i++) {
            char given[PUZZLE_CELLS + 1];
            int cells = 0;
            bool found = false;
            assert_ok(synth_document(&synth, (uint64_t)i, &document, &error));
            for (const char *at = strchr(document.data, ':') + 2; *at != '='; at += 2)
                given[cells++] = of_word(puzzle.kind, *at);
            assert_int_equal(cells, puzzle.rows * puzzle.columns);
            puzzle.given = given;
            for (int k = 0; k < TRAIN; k++) {
                found = found || classes[k] == puzzle_class(&puzzle);
                as_it_was += strncmp(document.data, contexts[k], strlen(contexts[k])) == 0;
            }
            assert_true(found);
        }
        assert_true(as_it_was < DOCUMENTS / 3);
        text_free(&document);
        synth_close(&synth);
    }
}

static void outputs_are_scored_by_difficulty_and_cell(void **state) {
    (void)state;
    struct synth synth = open_family("sudoku4", 1, 3, NULL);
    json_t *item = item_of(&synth, SYNTH_TEST, 0);
    const char *answer = string_of(item, "answer");
    const char *given = string_of(item, "puzzle");
    char name[40];
    char wrong[64];
    int empty = 0;
    int last_empty = 0;
    for (int i = 0; i < 16; i++) {
        if (given[i] == '0') last_empty = i;
        empty += given[i] == '0';
    }
    snprintf(name, sizeof name, "acc@difficulty=%d", integer_of(item, "difficulty"));
    const json_t *factor =
        json_object_get(json_object_get(item, "factors"), "difficulty"); /* what ltm probe looks for */
    assert_true(json_real_value(factor) == integer_of(item, "difficulty"));
    snprintf(wrong, sizeof wrong, "%s", answer);
    const int place = 2 * last_empty;
    assert_int_equal(wrong[place], string_of(item, "solution")[last_empty]);
    wrong[place] = wrong[place] == '1' ? '2' : '1';
    assert_true(measured("sudoku4", item, answer, name) == 1 && measured("sudoku4", item, answer, "cells") == 1);
    assert_true(measured("sudoku4", item, wrong, name) == 0);
    assert_true(measured("sudoku4", item, wrong, "cells") == (empty - 1.0) / empty);
    assert_true(measured("sudoku4", item, "", "cells") == 0 && measured("sudoku4", item, "x y", "cells") == 0);
    json_decref(item);
    synth_close(&synth);
    synth = open_family("maze", 1, 3, NULL);
    item = item_of(&synth, SYNTH_TEST, 0);
    assert_true(measured("maze", item, string_of(item, "answer"), "cells") == 1);
    assert_true(integer_of(item, "difficulty") >= 5);
    json_decref(item);
    synth_close(&synth);
}

static void knobs_that_leave_one_side_without_puzzles_are_refused(void **state) {
    (void)state;
    struct synth synth;
    assert_int_equal(synth_open(&synth, &family_sudoku4, 1, (const char *const[]){"fewest=9"}, 1, 1, &error),
                     LTM_INVALID);
    assert_says("sudoku4: fewest = 9 is more than givens = 8");
    synth_close(&synth);
    const char *const rare[] = {"fewest=4", "givens=4", "heldout=0.01"};
    assert_int_equal(synth_open(&synth, &family_sudoku4, 1, rare, 3, 1, &error), LTM_INVALID);
    assert_says("sudoku4: of 1000 puzzles drawn none is held out");
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grids_of_numbers_have_one_solution_by_exact_cover),
        cmocka_unit_test(no_test_puzzle_is_an_image_of_a_training_one),
        cmocka_unit_test(documents_hold_images_of_training_items),
        cmocka_unit_test(outputs_are_scored_by_difficulty_and_cell),
        cmocka_unit_test(knobs_that_leave_one_side_without_puzzles_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
