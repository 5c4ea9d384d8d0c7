/* Puzzles: the searches against other algorithms, symmetries and classes, and what a file of puzzles may hold. */
#include <stdlib.h>

#include "support/canonical_form.h"
#include "support/error.h"
#include "support/exact_cover.h"
#include "support/files.h"
#include "support/unit.h"

#include "text/puzzle_file.h"
#include "text/puzzle_symmetry.h"

static uint32_t drawn;

static int below(int n) {
    return (int)((uint64_t)random_bits((struct random_key){.seed = 7, .purpose = 99}, drawn++) * (uint64_t)n >> 32);
}

/* Cells of a full grid taken out or changed at random: none, one or several solutions. */
static void numbers_have_as_many_solutions_as_exact_covers(void **state) {
    (void)state;
    static const struct {
        struct puzzle puzzle;
        int box_rows, box_columns, tries;
    } sorts[] = {{{.kind = PUZZLE_SUDOKU, .rows = 4, .columns = 4}, 2, 2, 2000},
                 {{.kind = PUZZLE_SUDOKU, .rows = 6, .columns = 6}, 2, 3, 1000},
                 {{.kind = PUZZLE_SUDOKU, .rows = 9, .columns = 9}, 3, 3, 300},
                 {{.kind = PUZZLE_LATIN, .rows = 7, .columns = 7}, 0, 0, 500}};
    for (int s = 0; s < 4; s++) {
        const struct number_grid grid = puzzle_number_grid(&sorts[s].puzzle);
        const int side = grid.side;
        const int cells = side * side;
        int counts[3] = {0};
        for (int t = 0; t < sorts[s].tries; t++) {
            char full[NUMBER_CELLS];
            char given[NUMBER_CELLS];
            char ours[NUMBER_CELLS];
            char theirs[NUMBER_CELLS];
            memset(given, '0', sizeof given);
            for (int d = 0; d < side; d++) given[d] = (char)('1' + (d + t) % side);
            assert_true(number_grid_search(&grid, given, full, 1).solutions == 1);
            const int left = cells * (25 + below(40)) / 100;
            for (int i = 0; i < cells; i++) given[i] = below(cells) < left ? full[i] : '0';
            if (t % 4 == 0) given[below(cells)] = (char)('1' + below(side));
            const int found = number_grid_search(&grid, given, ours, 2).solutions;
            assert_int_equal(found, cover_solve(side, sorts[s].box_rows, sorts[s].box_columns, given, theirs, 2));
            if (found == 1) assert_memory_equal(ours, theirs, (size_t)cells);
            counts[found]++;
        }
        for (int k = 0; k < 3; k++) assert_true(counts[k] > sorts[s].tries / 50);
    }
}

static void difficulty_counts_passes_and_guesses(void **state) {
    (void)state;
    char solution[NUMBER_CELLS];
    struct puzzle puzzle = {.kind = PUZZLE_SUDOKU, .rows = 4, .columns = 4, .given = "1234341221434320"};
    int difficulty;
    assert_ok(puzzle_solve(&puzzle, solution, &difficulty, &error));
    assert_int_equal(difficulty, 1);
    assert_memory_equal(solution, "1234341221434321", 16);
    puzzle.given = "0000000000000000";
    const struct number_grid grid = puzzle_number_grid(&puzzle);
    assert_int_equal(number_grid_search(&grid, puzzle.given, solution, 1000).solutions, 288); /* as is known */
    assert_true(number_grid_search(&grid, puzzle.given, NULL, 2).guesses >= 2);
}

/* Walks of L steps from S to G, L the least for which there is one: the shortest ways. */
static int shortest_ways(const struct puzzle *maze, int *length) {
    const int cells = maze->rows * maze->columns;
    double walks[2][PUZZLE_CELLS] = {{0}};
    const int goal = (int)(strchr(maze->given, 'G') - maze->given);
    walks[0][strchr(maze->given, 'S') - maze->given] = 1;
    for (*length = 1; *length < cells; ++*length) {
        const double *before = walks[(*length - 1) % 2];
        double *after = walks[*length % 2];
        for (int i = 0; i < cells; i++) {
            const int column = i % maze->columns;
            after[i] = 0;
            if (maze->given[i] == '#') continue;
            if (column > 0) after[i] += before[i - 1];
            if (column + 1 < maze->columns) after[i] += before[i + 1];
            if (i >= maze->columns) after[i] += before[i - maze->columns];
            if (i + maze->columns < cells) after[i] += before[i + maze->columns];
        }
        if (after[goal] > 0) return after[goal] > 1 ? 2 : 1;
    }
    return 0;
}

static void draw_maze(char *given, int cells) {
    for (int i = 0; i < cells; i++) given[i] = below(100) < 35 ? '#' : ' ';
    given[below(cells)] = 'S';
    const int goal = below(cells);
    given[given[goal] == 'S' ? (goal + 1) % cells : goal] = 'G';
    given[cells] = 0;
}

static void mazes_have_as_many_shortest_ways_as_walks(void **state) {
    (void)state;
    int counts[3] = {0};
    for (int t = 0; t < 2000; t++) {
        char given[36];
        char solution[36];
        struct puzzle maze = {.kind = PUZZLE_MAZE, .rows = 5, .columns = 7, .given = given};
        int length;
        int difficulty;
        draw_maze(given, 35);
        const int ways = shortest_ways(&maze, &length);
        const ltm_status status = puzzle_solve(&maze, solution, &difficulty, &error);
        assert_int_equal(status, ways == 1 ? LTM_OK : LTM_INVALID);
        counts[ways]++;
        if (ways != 1) {
            assert_says(ways ? "more than one solution" : "no way leads from S to G");
            continue;
        }
        int marked = 0;
        for (int i = 0; i < 35; i++) marked += solution[i] == 'o';
        assert_int_equal(marked, length - 1);
        assert_int_equal(difficulty, length - length % 5);
    }
    for (int k = 0; k < 3; k++) assert_true(counts[k] > 100);
}

static void a_glider_goes_on_around_the_edge(void **state) {
    (void)state;
    char solution[25];
    int difficulty;
    struct puzzle life = {.kind = PUZZLE_LIFE, .rows = 5, .columns = 5, .given = ".4.....4..444............"};
    assert_ok(puzzle_solve(&life, solution, &difficulty, &error));
    assert_int_equal(difficulty, 4);
    for (int i = 0; i < 25; i++) /* after four steps: one down, one to the right */
        assert_int_equal(solution[(i / 5 + 1) % 5 * 5 + (i % 5 + 1) % 5] == 'o', life.given[i] == '4');
}

struct example {
    struct puzzle puzzle;
    char given[PUZZLE_CELLS + 1], solution[PUZZLE_CELLS + 1];
};

static void set(struct example *e, enum puzzle_kind kind, int rows, int columns, const char *given) {
    e->puzzle =
        (struct puzzle){.kind = kind, .rows = rows, .columns = columns, .given = e->given, .solution = e->solution};
    snprintf(e->given, sizeof e->given, "%s", given);
    assert_ok(puzzle_solve(&e->puzzle, e->solution, &e->puzzle.difficulty, &error));
    e->solution[rows * columns] = 0;
}

static const struct {
    enum puzzle_kind kind;
    int rows, columns, images; /* different ones, at least */
    const char *given;
} examples[] = {
    {PUZZLE_SUDOKU, 4, 4, 800, "0001310202030000"},
    {PUZZLE_SUDOKU, 6, 6, 990, "010002000050060000020463200106031020"},
    {PUZZLE_SUDOKU, 9, 9, 990, "207030410500000000034502700000340001023900670700200004000400000102793800879065300"},
    {PUZZLE_LATIN, 5, 5, 900, "0005354021102000000501500"},
    {PUZZLE_MAZE, 4, 4, 16, "S  ### ##  ### G"},
    {PUZZLE_MAZE, 3, 5, 8, "S    ### # # G#"},
    {PUZZLE_LIFE, 5, 5, 190, "..2....22.2.2.......2...."},
};

enum { EXAMPLES = sizeof examples / sizeof *examples, DRAWS = 1000 };

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static void images_are_puzzles_of_the_same_class(void **state) {
    (void)state;
    static char seen[DRAWS][NUMBER_CELLS + 1];
    for (int e = 0; e < EXAMPLES; e++) {
        struct example first;
        struct example image;
        struct example again;
        set(&first, examples[e].kind, examples[e].rows, examples[e].columns, examples[e].given);
        for (int r = 0; r < DRAWS; r++) {
            const struct random_key key = {.seed = 5, .purpose = 98, .sequence = (uint32_t)r};
            char solution[PUZZLE_CELLS];
            int difficulty;
            set(&image, examples[e].kind, examples[e].rows, examples[e].columns, examples[e].given);
            set(&again, examples[e].kind, examples[e].rows, examples[e].columns, examples[e].given);
            puzzle_symmetry(&image.puzzle, key);
            puzzle_symmetry(&again.puzzle, key);
            assert_string_equal(image.given, again.given);
            assert_ok(puzzle_check_cells(&image.puzzle, &error));
            assert_ok(puzzle_solve(&image.puzzle, solution, &difficulty, &error));
            assert_memory_equal(solution, image.solution, strlen(image.solution));
            assert_true(puzzle_class(&image.puzzle) == puzzle_class(&first.puzzle));
            memcpy(seen[r], image.given, strlen(image.given) + 1);
        }
        int different = 1;
        qsort(seen, DRAWS, sizeof *seen, by_text);
        for (int r = 1; r < DRAWS; r++) different += strcmp(seen[r - 1], seen[r]) != 0;
        if (different < examples[e].images) fail_msg("example %d has %d images", e, different);
        if (examples[e].kind == PUZZLE_MAZE) assert_int_equal(different, examples[e].images);
    }
}

/* Of puzzles made at random of both full grids: the same number exactly where the canonical form is the same. */
static void classes_of_4_by_4_are_those_of_the_canonical_form(void **state) {
    (void)state;
    enum { PUZZLES = 600 };
    static const char *const full[] = {"1234341221434321", "1234341223414123"};
    static char forms[PUZZLES][17];
    static uint64_t classes[PUZZLES];
    int same = 0;
    for (int n = 0; n < PUZZLES; n++) {
        char given[17];
        struct puzzle puzzle = {.kind = PUZZLE_SUDOKU, .rows = 4, .columns = 4, .given = given};
        snprintf(given, sizeof given, "%s", full[n % 2]);
        for (int out = 0; out < 9 + n % 3;) {
            const int cell = below(16);
            out += given[cell] != '0';
            given[cell] = '0';
        }
        canonical(given, forms[n]);
        classes[n] = puzzle_class(&puzzle);
        for (int k = 0; k < n; k++) {
            const bool equal = strcmp(forms[n], forms[k]) == 0;
            assert_true(equal == (classes[n] == classes[k]));
            same += equal;
        }
    }
    assert_true(same > 100);
}

static const char *write_lines(const char *text) {
    const char *path = test_path("puzzles.jsonl");
    FILE *file = fopen(path, "w");
    assert_true(file && fputs(text, file) >= 0 && fclose(file) == 0);
    return path;
}

#define GOOD                                                                                                           \
    "{\"puzzle\": \"0001310202030000\", \"solution\": \"2431314242131324\", \"difficulty\": 2, \"kind\": \"sudoku\", " \
    "\"rows\": 4, \"columns\": 4}\n"

static void a_file_is_read_in_its_order(void **state) {
    (void)state;
    struct puzzle_list list;
    const char *path =
        write_lines("{\"puzzle\": \"S    ### # # G#\", \"solution\": \"Sooo ###o# # G#\", "
                    "\"difficulty\": 5, \"kind\": \"maze\", \"rows\": 3, \"columns\": 5, \"id\": 9}\n\n" GOOD);
    assert_ok(puzzle_file_read(path, &list, &error));
    assert_true(list.count == 2);
    assert_true(list.all[0].kind == PUZZLE_MAZE && list.all[0].rows == 3 && list.all[0].columns == 5);
    assert_string_equal(list.all[1].given, "0001310202030000");
    assert_string_equal(list.all[1].solution, "2431314242131324");
    assert_true(list.all[1].difficulty == 2 && list.all[1].rows == 4 && list.all[1].kind == PUZZLE_SUDOKU);
    puzzle_list_free(&list);
}

/* The good line with one text in the place of another. */
static void bad_puzzles_are_refused_by_line_in_words(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *says;
    } bad[] = {
        {"0001310202030000", "0003310202030000", "line 2 of"},
        {"0001310202030000", "0003310202030000", "the puzzle has no solution"},
        {"0001310202030000", "0000000000000000", "the puzzle has more than one solution; it must have one"},
        {"2431314242131324", "2431314242131342",
         "\"solution\" is not the puzzle's: row 4, column 3 has '4', and should"},
        {"2431314242131324", "2431314242131320",
         "\"solution\" has '0' in row 4, column 4, which is no cell of a sudoku"},
        {"0001310202030000", "0001510202030000", "\"puzzle\" has '5' in row 2, column 1"},
        {"0001310202030000", "00013102020300\u00e4",
         "\"puzzle\" has a blank or a character that is not ASCII in row 4, column 3"},
        {"0001310202030000", "000131020203000", "\"puzzle\" has 15 characters; 4 rows of 4 columns are 16"},
        {"\"rows\": 4", "\"rows\": 5", "a sudoku of 5 by 4 is of the wrong size; it must be 4 by 4, 6 by 6 or 9 by 9"},
        {"sudoku", "sodoku", "there is no kind of puzzle \"sodoku\"; did you mean sudoku"},
        {"\"difficulty\": 2", "\"difficulty\": -1", "a puzzle needs \"difficulty\", a whole number"},
        {"solution", "answer", "a puzzle needs \"solution\", a text"},
        {"sudoku", "maze", "\"puzzle\" has '0' in row 1, column 1, which is no cell of a maze"},
        {"}", "", "is not JSON"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct puzzle_list list;
        char text[1024];
        const char *at = strstr(GOOD, bad[i].from);
        assert_non_null(at);
        snprintf(text, sizeof text, "%s%.*s%s%s", GOOD, (int)(at - GOOD), GOOD, bad[i].to, at + strlen(bad[i].from));
        assert_int_equal(puzzle_file_read(write_lines(text), &list, &error), LTM_INVALID);
        assert_says(bad[i].says);
        assert_says("line 2 of");
        assert_true(list.count == 0 && !list.all);
    }
}

static void mazes_and_boards_are_refused_in_words(void **state) {
    (void)state;
    static const struct {
        enum puzzle_kind kind;
        const char *given, *says;
    } bad[] = {
        {PUZZLE_MAZE, "S  # # # ", "the maze must have one S and one G"},
        {PUZZLE_MAZE, "S   #   G", "two shortest ways from S to G"},
        {PUZZLE_MAZE, "S ####  G", "no way leads from S to G"},
        {PUZZLE_LIFE, "..2..3...", "live cells say 2 steps and 3 steps"},
        {PUZZLE_LIFE, ".........", "the board has no live cell"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char solution[PUZZLE_CELLS];
        char given[10];
        int difficulty;
        snprintf(given, sizeof given, "%s", bad[i].given);
        const struct puzzle puzzle = {.kind = bad[i].kind, .rows = 3, .columns = 3, .given = given};
        assert_int_equal(puzzle_solve(&puzzle, solution, &difficulty, &error), LTM_INVALID);
        assert_says(bad[i].says);
    }
    struct puzzle_list list;
    assert_int_equal(puzzle_file_read(write_lines("\n"), &list, &error), LTM_INVALID);
    assert_says("holds no puzzle");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_as_many_solutions_as_exact_covers),
        cmocka_unit_test(difficulty_counts_passes_and_guesses),
        cmocka_unit_test(mazes_have_as_many_shortest_ways_as_walks),
        cmocka_unit_test(a_glider_goes_on_around_the_edge),
        cmocka_unit_test(images_are_puzzles_of_the_same_class),
        cmocka_unit_test(classes_of_4_by_4_are_those_of_the_canonical_form),
        cmocka_unit_test(a_file_is_read_in_its_order),
        cmocka_unit_test(bad_puzzles_are_refused_by_line_in_words),
        cmocka_unit_test(mazes_and_boards_are_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
