#include "tasks/puzzles.h"

#include <string.h>

#include "base/error.h"
#include "tasks/metric_list.h"
#include "text/puzzle_symmetry.h"

enum { TRIES = 1000 }; /* until puzzles of both sides are seen */

struct cells {
    char given[PUZZLE_CELLS + 1], solution[PUZZLE_CELLS + 1];
};

/* The next puzzle of one solution; true where its class is held out. */
static bool next(const struct synth *synth, struct draw *draw, struct puzzle *puzzle, struct cells *cells) {
    const struct puzzle_family *family = synth->family->puzzles;
    do {
        *puzzle = (struct puzzle){.kind = family->kind, .given = cells->given, .solution = cells->solution};
        family->draw(synth, draw, puzzle);
    } while (puzzle_solve(puzzle, puzzle->solution, &puzzle->difficulty, NULL) != LTM_OK);
    const uint64_t class = puzzle_class(puzzle);
    cells->given[puzzle->rows * puzzle->columns] = cells->solution[puzzle->rows * puzzle->columns] = 0;
    return synth_held_out(synth, 0, &class, sizeof class, synth->knobs[KNOB_PUZZLES_HELDOUT]);
}

ltm_status puzzles_check(struct synth *synth, struct ltm_error *error) {
    struct draw draw = synth_world_draw(synth->seed);
    struct puzzle puzzle;
    struct cells cells;
    bool seen[2] = {false};
    for (int i = 0; i < TRIES && !(seen[false] && seen[true]); i++) seen[next(synth, &draw, &puzzle, &cells)] = true;
    if (seen[false] && seen[true]) return LTM_OK;
    return fail(
        error, LTM_INVALID,
        "%s: of %d puzzles drawn %s held out: too few are no images of each other; change heldout, or let puzzles "
        "differ more",
        synth->family->public.name, TRIES, seen[true] ? "all are" : "none is");
}

static bool is_empty(char cell) { return cell == '0' || cell == ' '; }

/* A letter or a digit: a tokenizer may put these, and not punctuation, in one piece with the blank before them. */
static char word_of(char cell) { return (char)(cell == '#' ? 'w' : cell == ' ' ? 'f' : cell == '.' ? '0' : cell); }

static void put(struct text *text, const char *cells) {
    for (; *cells; cells++) text_add(text, (char[]){' ', word_of(*cells), 0} + (text->bytes == 0));
}

int puzzles_words(const struct synth *synth) {
    struct draw draw = synth_world_draw(synth->seed);
    struct puzzle puzzle;
    struct cells cells;
    next(synth, &draw, &puzzle, &cells);
    return puzzle.rows * puzzle.columns;
}

void puzzles_problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    const bool image = !p->item && synth->train_items;
    struct draw of_item;
    struct puzzle puzzle;
    struct cells cells;
    if (image) of_item = synth_train_draw(synth, draw_below(draw, synth->train_items));
    while (next(synth, image ? &of_item : draw, &puzzle, &cells) != (side == SYNTH_TEST)) {
    }
    if (image) {
        struct random_key key = draw->key;
        key.seed = (uint64_t)draw_below(draw, UINT32_MAX) << 32 | draw_below(draw, UINT32_MAX);
        puzzle_symmetry(&puzzle, key);
    }
    text_print(&p->context, "%s:", synth->family->public.name);
    put(&p->context, puzzle.given);
    text_add(&p->context, " =");
    put(&p->answer, puzzle.solution);
    if (!p->item) return;
    json_object_set_new(p->facts, "puzzle", json_string(puzzle.given));
    json_object_set_new(p->facts, "solution", json_string(puzzle.solution));
    json_object_set_new(p->facts, "difficulty", json_integer(puzzle.difficulty));
    json_object_set_new(p->facts, "kind", json_string(puzzle_kind_names[puzzle.kind]));
    json_object_set_new(p->facts, "rows", json_integer(puzzle.rows));
    json_object_set_new(p->facts, "columns", json_integer(puzzle.columns));
    json_object_set_new(p->facts, "factors", json_pack("{s:f}", "difficulty", (double)puzzle.difficulty));
}

/* Cells are words. */
static double share_right(const json_t *item, const char *output) {
    const bool all = strcmp(item_text(item, "kind"), puzzle_kind_names[PUZZLE_LIFE]) == 0;
    const char *given = item_text(item, "puzzle");
    const char *solution = item_text(item, "solution");
    int wanted = 0;
    int right = 0;
    for (; *given && *solution; given++, solution++) {
        output += strspn(output, " \n");
        const size_t word = strcspn(output, " \n");
        const bool counts = all || is_empty(*given);
        wanted += counts;
        right += counts && word == 1 && *output == word_of(*solution);
        output += word;
    }
    return wanted ? (double)right / wanted : 0;
}

void puzzles_measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    const double cells = share_right(item, output);
    const int difficulty = item_integer(item, "difficulty");
    metric_add(list, right, "acc@difficulty=%d", difficulty);
    metric_add(list, cells, "cells");
    metric_add(list, cells, "cells@difficulty=%d", difficulty);
}
