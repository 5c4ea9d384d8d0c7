#include "solver/puzzles.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/puzzle_file.h"
#include "text/puzzle_symmetry.h"

static ltm_status check_sizes(const struct puzzle_list *list, const char *path, struct ltm_error *error) {
    const struct puzzle *first = &list->all[0];
    for (size_t i = 1; i < list->count; i++) {
        const struct puzzle *puzzle = &list->all[i];
        if (puzzle->rows == first->rows && puzzle->columns == first->columns) continue;
        return fail(error, LTM_INVALID,
                    "line %lld of %s: the puzzle is %d by %d, and those before it %d by %d; a solver needs one size",
                    (long long)puzzle->line, path, puzzle->rows, puzzle->columns, first->rows, first->columns);
    }
    return LTM_OK;
}

static void collect_alphabet(char alphabet[PUZZLE_ALPHABET], const struct puzzle_list *list) {
    bool seen[128] = {false};
    int n = 0;
    for (size_t i = 0; i < list->count; i++)
        for (int c = 0; list->all[i].given[c]; c++)
            seen[(int)list->all[i].given[c]] = seen[(int)list->all[i].solution[c]] = true;
    for (int c = ' '; c < 127; c++)
        if (seen[c]) alphabet[n++] = (char)c;
    alphabet[n] = 0;
}

/* Characters to places in the alphabet; *unknown = the first that has none there. */
static bool name_cells(int32_t *cells, const char *text, int count, const char *alphabet, char *unknown) {
    for (int c = 0; c < count; c++) {
        const char *at = strchr(alphabet, text[c]);
        if (!at) *unknown = text[c];
        if (!at) return false;
        cells[c] = (int32_t)(at - alphabet);
    }
    return true;
}

static ltm_status name_all(struct puzzles *p, const struct puzzle_list *list, const char *path,
                           struct ltm_error *error) {
    const int T = puzzle_cells(p);
    char unknown;
    for (size_t i = 0; i < list->count; i++) {
        const struct puzzle *puzzle = &list->all[i];
        p->kinds[i] = puzzle->kind;
        p->difficulty[i] = puzzle->difficulty;
        if (name_cells(p->givens + i * (size_t)T, puzzle->given, T, p->alphabet, &unknown) &&
            name_cells(p->solutions + i * (size_t)T, puzzle->solution, T, p->alphabet, &unknown))
            continue;
        return fail(error, LTM_INVALID, "line %lld of %s: the model does not know the character '%c', only \"%s\"",
                    (long long)puzzle->line, path, unknown, p->alphabet);
    }
    return LTM_OK;
}

ltm_status puzzles_read(struct puzzles *puzzles, const char *path, const char *alphabet, struct ltm_error *error) {
    static const char what[] = "puzzles";
    struct puzzle_list list;
    ltm_status status = LTM_OK;
    *puzzles = (struct puzzles){0};
    PASS_UP(puzzle_file_read(path, &list, error));
    TRY(check_sizes(&list, path, error));
    puzzles->rows = list.all[0].rows;
    puzzles->columns = list.all[0].columns;
    const size_t cells = list.count * (size_t)puzzle_cells(puzzles);
    TRY(NEW_ARRAY(puzzles->givens, cells, what, error));
    TRY(NEW_ARRAY(puzzles->solutions, cells, what, error));
    TRY(NEW_ARRAY(puzzles->kinds, list.count, what, error));
    TRY(NEW_ARRAY(puzzles->difficulty, list.count, what, error));
    if (alphabet)
        snprintf(puzzles->alphabet, sizeof puzzles->alphabet, "%s", alphabet);
    else
        collect_alphabet(puzzles->alphabet, &list);
    TRY(name_all(puzzles, &list, path, error));
    puzzles->count = (int64_t)list.count;
cleanup:
    puzzle_list_free(&list);
    if (status != LTM_OK) puzzles_free(puzzles);
    return status;
}

void puzzles_free(struct puzzles *puzzles) {
    free(puzzles->givens);
    free(puzzles->solutions);
    free(puzzles->kinds);
    free(puzzles->difficulty);
    *puzzles = (struct puzzles){0};
}

int puzzles_empty(const struct puzzles *puzzles) {
    const char *empty = strchr(puzzles->alphabet, '0');
    return empty ? (int)(empty - puzzles->alphabet) : -1;
}

/* An image has no character that the puzzle lacks, but for digits, each of which a solution of numbers has. */
static void take_image(const struct puzzles *p, int kind, struct random_key key, int32_t *givens, int32_t *solution) {
    const int T = puzzle_cells(p);
    char cells[2][PUZZLE_CELLS];
    char unknown;
    struct puzzle puzzle = {.kind = (enum puzzle_kind)kind,
                            .rows = p->rows,
                            .columns = p->columns,
                            .given = cells[0],
                            .solution = cells[1]};
    for (int c = 0; c < T; c++) {
        cells[0][c] = p->alphabet[givens[c]];
        cells[1][c] = p->alphabet[solution[c]];
    }
    puzzle_symmetry(&puzzle, key);
    name_cells(givens, cells[0], T, p->alphabet, &unknown);
    name_cells(solution, cells[1], T, p->alphabet, &unknown);
}

void puzzles_take(const struct puzzles *puzzles, int64_t i, const struct random_key *image, int32_t *givens,
                  int32_t *solution) {
    const size_t T = (size_t)puzzle_cells(puzzles);
    memcpy(givens, puzzles->givens + (size_t)i * T, T * sizeof *givens);
    memcpy(solution, puzzles->solutions + (size_t)i * T, T * sizeof *solution);
    if (image) take_image(puzzles, puzzles->kinds[i], *image, givens, solution);
}
