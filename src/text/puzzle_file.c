#include "text/puzzle_file.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "ltm/names.h"
#include "text/json_lines.h"

static ltm_status get_text(const char **text, const json_t *line, const char *key, struct ltm_error *error) {
    *text = json_string_value(json_object_get(line, key));
    return *text ? LTM_OK : fail(error, LTM_INVALID, "a puzzle needs \"%s\", a text", key);
}

static ltm_status get_number(int *number, const json_t *line, const char *key, struct ltm_error *error) {
    const json_t *value = json_object_get(line, key);
    const json_int_t given = json_integer_value(value);
    *number = (int)given;
    if (json_is_integer(value) && given >= 0 && given <= 1000 * 1000) return LTM_OK;
    return fail(error, LTM_INVALID, "a puzzle needs \"%s\", a whole number from 0 to 1000000", key);
}

static ltm_status get_kind(enum puzzle_kind *kind, const json_t *line, struct ltm_error *error) {
    const char *name;
    PASS_UP(get_text(&name, line, "kind", error));
    for (int k = 0; k < PUZZLE_KINDS; k++) {
        *kind = (enum puzzle_kind)k;
        if (strcmp(name, puzzle_kind_names[k]) == 0) return LTM_OK;
    }
    const char *nearest = ltm_nearest_name(name, puzzle_kind_names, PUZZLE_KINDS);
    return fail(error, LTM_INVALID, "there is no kind of puzzle \"%.60s\"; %s%s", name,
                nearest ? "did you mean " : "there are sudoku, latin, maze and life", nearest ? nearest : "");
}

static ltm_status check_length(const struct puzzle *puzzle, const char *key, const char *cells,
                               struct ltm_error *error) {
    const size_t length = strlen(cells);
    if (length == (size_t)(puzzle->rows * puzzle->columns)) return LTM_OK;
    return fail(error, LTM_INVALID, "\"%s\" has %zu characters; %d rows of %d columns are %d", key, length,
                puzzle->rows, puzzle->columns, puzzle->rows * puzzle->columns);
}

static ltm_status check_solution(const struct puzzle *puzzle, struct ltm_error *error) {
    char solution[PUZZLE_CELLS];
    int difficulty;
    PASS_UP(puzzle_solve(puzzle, solution, &difficulty, error));
    for (int i = 0; i < puzzle->rows * puzzle->columns; i++)
        if (solution[i] != puzzle->solution[i])
            return fail(error, LTM_INVALID,
                        "\"solution\" is not the puzzle's: row %d, column %d has '%c', and should have '%c'",
                        i / puzzle->columns + 1, i % puzzle->columns + 1, puzzle->solution[i], solution[i]);
    return LTM_OK;
}

static ltm_status take_line(void *user, json_t *line, int64_t number, struct ltm_error *error) {
    struct puzzle_list *list = user;
    struct puzzle puzzle = {.line = number};
    const char *given;
    const char *solution;
    PASS_UP(get_text(&given, line, "puzzle", error));
    PASS_UP(get_text(&solution, line, "solution", error));
    PASS_UP(get_kind(&puzzle.kind, line, error));
    PASS_UP(get_number(&puzzle.rows, line, "rows", error));
    PASS_UP(get_number(&puzzle.columns, line, "columns", error));
    PASS_UP(get_number(&puzzle.difficulty, line, "difficulty", error));
    PASS_UP(puzzle_check_size(puzzle.kind, puzzle.rows, puzzle.columns, error));
    PASS_UP(check_length(&puzzle, "puzzle", given, error));
    PASS_UP(check_length(&puzzle, "solution", solution, error));
    PASS_UP(GROW_ARRAY(list->all, list->room, list->count + 1, "puzzles", error));
    const size_t bytes = strlen(given) + 1;
    PASS_UP(NEW_ARRAY(puzzle.given, 2 * bytes, "a puzzle", error));
    puzzle.solution = puzzle.given + bytes;
    memcpy(puzzle.given, given, bytes);
    memcpy(puzzle.solution, solution, bytes);
    list->all[list->count++] = puzzle; /* the list's from here on, right or wrong */
    PASS_UP(puzzle_check_cells(&puzzle, error));
    return check_solution(&puzzle, error);
}

ltm_status puzzle_file_read(const char *path, struct puzzle_list *list, struct ltm_error *error) {
    *list = (struct puzzle_list){0};
    ltm_status status = json_lines_read(path, take_line, list, error);
    if (status == LTM_OK && list->count == 0) status = fail(error, LTM_INVALID, "%s holds no puzzle", path);
    if (status != LTM_OK) puzzle_list_free(list);
    return status;
}

void puzzle_list_free(struct puzzle_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->all[i].given); /* with its solution */
    free(list->all);
    *list = (struct puzzle_list){0};
}
