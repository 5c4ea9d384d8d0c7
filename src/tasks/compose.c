/* compose: named functions of short lists of letters, applied one after the other:
 *
 *     reverse left: d a c = a d c            d a c -> c a d -> a d c
 *
 * Held out, both ways: combinations (sequences of two functions and more that no training text has, while every function is
 * seen, alone too) and, under combinations that are seen, inputs. Items record which ("combination": "heldout" or "seen") and
 * the depth; accuracy is told by both. Difficulty: depth, functions, letters, share held out.
 *
 * Source: Lake and Baroni, "Generalization without systematicity" (SCAN), ICML 2018, for held-out combinations of seen
 * parts; arXiv 2507.07207 for K of M modules, the share held out from 0.25 up to 0.99, and probing for the modules. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { REVERSE, LEFT, RIGHT, SWAP, SORT, NEXT, BEFORE, ENDS, FUNCTIONS };
enum { DEPTH = 8, LETTERS = 16 };
enum { KNOB_DEPTH = KNOB_PROBLEMS + 1, KNOB_FUNCTIONS, KNOB_LETTERS, KNOB_ALPHABET, KNOB_HELDOUT };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(6, 4, 4),
    {"depth", "most functions of a problem", 1, DEPTH, {2, 3, 5}, 1},
    {"functions", "number of functions", 3, FUNCTIONS, {4, 6, FUNCTIONS}, 1},
    {"letters", "letters in a list", 2, LETTERS, {3, 4, 6}, 1},
    {"alphabet", "number of letters", 3, 26, {6, 10, 26}, 1},
    {"heldout", "share of combinations that are held out", 0.01, 0.99, {0.25, 0.25, 0.5}, 0},
};

static const char *const names[FUNCTIONS] = {"reverse", "left", "right", "swap", "sort", "next", "before", "ends"};

struct task {
    int depth, letters;
    unsigned char functions[DEPTH], input[LETTERS];
};

static void exchange(unsigned char *x, int i, int j) {
    const unsigned char keep = x[i];
    x[i] = x[j];
    x[j] = keep;
}

static void apply(unsigned char *x, int n, int function, int alphabet) {
    if (n > LETTERS) n = LETTERS; /* which it never is: so that compilers know */
    switch (function) {
    case REVERSE:
        for (int i = 0; i < n / 2; i++) exchange(x, i, n - 1 - i);
        break;
    case LEFT:
        for (int i = 0; i + 1 < n; i++) exchange(x, i, i + 1);
        break;
    case RIGHT:
        for (int i = n - 1; i > 0; i--) exchange(x, i, i - 1);
        break;
    case SWAP:
        exchange(x, 0, 1);
        break;
    case SORT:
        for (int i = 1; i < n; i++)
            for (int j = i; j > 0 && x[j - 1] > x[j]; j--) exchange(x, j - 1, j);
        break;
    case ENDS:
        exchange(x, 0, n - 1);
        break;
    default:
        for (int i = 0; i < n; i++) x[i] = (unsigned char)((x[i] + (function == NEXT ? 1 : alphabet - 1)) % alphabet);
    }
}

static bool combination_held_out(const struct synth *synth, const struct task *task) {
    return task->depth > 1 &&
           synth_held_out(synth, 0, task->functions, (size_t)task->depth, synth->knobs[KNOB_HELDOUT]);
}

static bool input_held_out(const struct synth *synth, const struct task *task) {
    unsigned char key[DEPTH + LETTERS];
    memcpy(key, task->functions, (size_t)task->depth);
    memcpy(key + task->depth, task->input, (size_t)task->letters);
    return synth_held_out(synth, task->depth, key, (size_t)(task->depth + task->letters), 0.2);
}

/* Combinations of two must lie on both sides. */
static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    const int functions = synth_knob(synth, KNOB_FUNCTIONS);
    struct task task = {.depth = 2};
    int out = 0;
    for (int i = 0; i < functions * functions; i++) {
        task.functions[0] = (unsigned char)(i / functions);
        task.functions[1] = (unsigned char)(i % functions);
        out += combination_held_out(synth, &task);
    }
    if (synth_knob(synth, KNOB_DEPTH) < 2 || (out > 0 && out < functions * functions)) return LTM_OK;
    return fail(error, LTM_INVALID,
                "compose: with heldout = %g and this seed, %s pairs of functions would be held out; change one of them",
                synth->knobs[KNOB_HELDOUT], out ? "all" : "no");
}

/* Training draws what is seen on both counts; tests draw held-out combinations, or held-out inputs under seen ones. */
static void draw_task(const struct synth *synth, struct draw *draw, bool new_combination, bool new_input,
                      struct task *task) {
    do {
        task->depth = draw_between(draw, new_combination ? 2 : 1, synth_knob(synth, KNOB_DEPTH));
        for (int i = 0; i < task->depth && i < DEPTH; i++) /* which the knob's bounds say, but not to compilers */
            task->functions[i] = (unsigned char)draw_below(draw, (uint32_t)synth->knobs[KNOB_FUNCTIONS]);
        for (int i = 0; i < task->letters; i++)
            task->input[i] = (unsigned char)draw_below(draw, (uint32_t)synth->knobs[KNOB_ALPHABET]);
    } while (combination_held_out(synth, task) != new_combination ||
             (!new_combination && input_held_out(synth, task) != new_input));
}

static void add_letters(struct text *text, const unsigned char *letters, int n) {
    for (int i = 0; i < n; i++) text_add(text, (char[]){(char)('a' + letters[i]), i + 1 < n ? ' ' : 0, 0});
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    struct task task = {.letters = synth_knob(synth, KNOB_LETTERS)};
    const bool test = side == SYNTH_TEST;
    const bool combination = test && synth_knob(synth, KNOB_DEPTH) > 1 && draw_chance(draw, 0.5);
    draw_task(synth, draw, combination, test, &task);
    unsigned char letters[LETTERS];
    memcpy(letters, task.input, sizeof letters);
    for (int i = 0; i < task.depth; i++) {
        apply(letters, task.letters, task.functions[i], synth_knob(synth, KNOB_ALPHABET));
        text_print(&p->context, "%s%s", i ? " " : "", names[task.functions[i]]);
    }
    text_add(&p->context, ": ");
    add_letters(&p->context, task.input, task.letters);
    text_add(&p->context, " =");
    add_letters(&p->answer, letters, task.letters);
    if (!p->item) return;
    json_t *factors = json_object();
    for (int i = 0; i < synth_knob(synth, KNOB_DEPTH); i++) {
        char name[24];
        snprintf(name, sizeof name, "function%d", i + 1);
        json_object_set_new(factors, name, json_string(i < task.depth ? names[task.functions[i]] : "none"));
    }
    json_object_set_new(p->facts, "factors", factors);
    json_object_set_new(p->facts, "depth", json_integer(task.depth));
    json_object_set_new(p->facts, "combination", json_string(combination ? "heldout" : "seen"));
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    (void)output;
    const char *combination = item_text(item, "combination");
    metric_add(list, right, "acc@combination=%s", combination);
    metric_add(list, right, "acc@combination=%s,depth=%d", combination, item_integer(item, "depth"));
}

const struct synth_family family_compose = {
    .public = {"compose", "named functions applied in sequence, combinations held out", knobs, SYNTH_COUNT(knobs)},
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
