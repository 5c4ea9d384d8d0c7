#include "solver/puzzles.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/json_lines.h"

enum { CELLS_MOST = 1 << 14 };

/* The file as it is read: cells are characters until the alphabet is known. */
struct reading {
    struct puzzles *puzzles;
    size_t givens_room, solutions_room, difficulty_room;
};

static ltm_status take_cells(int32_t *cells, const json_t *object, const char *key, int count,
                             struct ltm_error *error) {
    const char *text = json_string_value(json_object_get(object, key));
    if (!text || strlen(text) != (size_t)count)
        return fail(error, LTM_INVALID, "\"%s\" is to be a text of rows times columns = %d characters", key, count);
    for (int i = 0; i < count; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return fail(error, LTM_INVALID, "\"%s\" is to be of printable ASCII characters, one a cell", key);
        cells[i] = (unsigned char)text[i];
    }
    return LTM_OK;
}

static ltm_status check_size(const struct puzzles *p, json_int_t rows, json_int_t columns, struct ltm_error *error) {
    if (rows < 1 || columns < 1 || rows > CELLS_MOST || columns > CELLS_MOST || rows * columns < 2 ||
        rows * columns > CELLS_MOST)
        return fail(error, LTM_INVALID, "\"rows\" and \"columns\" are to be whole numbers, of 2 to %d cells",
                    CELLS_MOST);
    if (p->count == 0 || (rows == p->rows && columns == p->columns)) return LTM_OK;
    return fail(error, LTM_INVALID, "the puzzle is %d by %d, and those before it %d by %d; a file has one size",
                (int)rows, (int)columns, p->rows, p->columns);
}

static ltm_status take(void *user, json_t *object, int64_t line, struct ltm_error *error) {
    struct reading *r = user;
    struct puzzles *p = r->puzzles;
    const json_int_t rows = json_integer_value(json_object_get(object, "rows"));
    const json_int_t columns = json_integer_value(json_object_get(object, "columns"));
    (void)line;
    PASS_UP(check_size(p, rows, columns, error));
    p->rows = (int)rows;
    p->columns = (int)columns;
    const int T = puzzle_cells(p);
    const size_t at = (size_t)p->count * (size_t)T;
    PASS_UP(GROW_ARRAY(p->givens, r->givens_room, at + (size_t)T, "puzzles", error));
    PASS_UP(GROW_ARRAY(p->solutions, r->solutions_room, at + (size_t)T, "puzzles", error));
    PASS_UP(GROW_ARRAY(p->difficulty, r->difficulty_room, (size_t)p->count + 1, "puzzles", error));
    PASS_UP(take_cells(p->givens + at, object, "puzzle", T, error));
    PASS_UP(take_cells(p->solutions + at, object, "solution", T, error));
    p->difficulty[p->count++] = (int)json_integer_value(json_object_get(object, "difficulty"));
    return LTM_OK;
}

static void collect_alphabet(struct puzzles *p) {
    bool seen[128] = {false};
    int n = 0;
    for (int64_t i = 0; i < p->count * puzzle_cells(p); i++) seen[p->givens[i]] = seen[p->solutions[i]] = true;
    for (int c = 0; c < 128; c++)
        if (seen[c]) p->alphabet[n++] = (char)c;
}

/* Characters to places in the alphabet. */
static ltm_status name_cells(int32_t *cells, const struct puzzles *p, const char *path, struct ltm_error *error) {
    for (int64_t i = 0; i < p->count * puzzle_cells(p); i++) {
        const char *at = strchr(p->alphabet, cells[i]);
        if (!at)
            return fail(error, LTM_INVALID,
                        "puzzle %lld of %s has the character '%c', which the model does not know (\"%s\")",
                        (long long)(i / puzzle_cells(p) + 1), path, (char)cells[i], p->alphabet);
        cells[i] = (int32_t)(at - p->alphabet);
    }
    return LTM_OK;
}

ltm_status puzzles_read(struct puzzles *puzzles, const char *path, const char *alphabet, struct ltm_error *error) {
    struct reading reading = {.puzzles = puzzles};
    ltm_status status = LTM_OK;
    *puzzles = (struct puzzles){0};
    TRY(json_lines_read(path, take, &reading, error));
    if (puzzles->count == 0) TRY(fail(error, LTM_INVALID, "%s holds no puzzle", path));
    if (alphabet)
        snprintf(puzzles->alphabet, sizeof puzzles->alphabet, "%s", alphabet);
    else
        collect_alphabet(puzzles);
    TRY(name_cells(puzzles->givens, puzzles, path, error));
    TRY(name_cells(puzzles->solutions, puzzles, path, error));
    return LTM_OK;
cleanup:
    puzzles_free(puzzles);
    return status;
}

void puzzles_free(struct puzzles *puzzles) {
    free(puzzles->givens);
    free(puzzles->solutions);
    free(puzzles->difficulty);
    *puzzles = (struct puzzles){0};
}
