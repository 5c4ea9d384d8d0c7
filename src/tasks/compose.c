/* compose: named functions of short lists of letters, applied one after the other:
 *
 *     reverse left: d a c = a d c            d a c -> c a d -> a d c
 *
 * Held out, both ways: combinations (sequences of two functions and more that no training text has) and, under combinations that are
 * seen, inputs. `split` says which combinations: 0, random, a share of them, while every function is seen, alone too; 1,
 * disconnected, all that mix the first half of the functions with the second, each of which is seen within its half; 2,
 * non-compositional, all with the last function, which training never shows, so that nobody can know what it does: a control.
 *
 * A problem is drawn again where it belongs to the other side, its depth too: with heldout = 0.99 and depth = 2 ninety-nine of a hundred
 * training problems have one function. With even = 1 the depth stays, if training has a combination as long.
 *
 * Items record which ("combination": "heldout" or "seen"), the complexity ("depth", functions of the problem), and of held-out combinations
 * the novelty: in how many places the nearest combination as long differs that training may draw, and whether one that it may draw, of any length, does the
 * same to every list ("mapping": "known" or "new"; left out where there are more than COMBINATIONS). Accuracy is told by each, beside
 * "chance", of a reader who applies as many functions drawn at random, and "optimum", 1 but where a function is unknown. Difficulty: depth,
 * functions, letters, share held out.
 *
 * Source: Lake and Baroni, "Generalization without systematicity" (SCAN), ICML 2018, for held-out combinations of seen
 * parts; Redhardt, Akram and Schug, "Scaling can lead to compositional generalization", arXiv 2507.07207, for K of M modules, the three
 * splits, the share held out from 0.25 up to 0.99, and probing for the modules. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { REVERSE, LEFT, RIGHT, SWAP, SORT, NEXT, BEFORE, ENDS, FUNCTIONS };
enum { DEPTH = 8, LETTERS = 16 };
enum { COMBINATIONS = 1 << 15, TRIED = 16 /* lists, to tell what combinations do */ };
enum {
    EVEN_TRIES = 5000
}; /* for a problem of one depth: of a seen share of 0.01 e^-50 is the chance that it takes more */
enum {
    KNOB_DEPTH = KNOB_PROBLEMS + 1,
    KNOB_FUNCTIONS,
    KNOB_LETTERS,
    KNOB_ALPHABET,
    KNOB_HELDOUT,
    KNOB_SPLIT,
    KNOB_EVEN
};
enum { RANDOM, DISCONNECTED, NON_COMPOSITIONAL };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(6, 4, 4),
    {"depth", "most functions of a problem", 1, DEPTH, {2, 3, 5}, 1},
    {"functions", "functions there are", 3, FUNCTIONS, {4, 6, FUNCTIONS}, 1},
    {"letters", "letters of a list", 2, LETTERS, {3, 4, 6}, 1},
    {"alphabet", "letters there are", 3, 26, {6, 10, 26}, 1},
    {"heldout", "split 0: share of combinations that are held out", 0.01, 0.99, {0.25, 0.25, 0.5}, 0},
    {"split", "held out: 0 random, 1 disconnected, 2 non-compositional", RANDOM, NON_COMPOSITIONAL, {0, 0, 0}, 1},
    {"even", "1: training has as many problems of each depth, though few combinations be seen", 0, 1, {0, 0, 0}, 1},
};

static const char *const names[FUNCTIONS] = {"reverse", "left", "right", "swap", "sort", "next", "before", "ends"};

struct task {
    int depth, letters;
    unsigned char functions[DEPTH], input[LETTERS];
};

struct world {
    unsigned char lists[TRIED][LETTERS];
    uint64_t seen[2 * COMBINATIONS]; /* what combinations do that training may draw, in order */
    size_t seen_count;               /* 0: there are more */
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

/* How many functions of a problem are `from` … `to` - 1. */
static int functions_between(const struct task *task, int from, int to) {
    int count = 0;
    for (int i = 0; i < task->depth; i++) count += task->functions[i] >= from && task->functions[i] < to;
    return count;
}

static bool combination_held_out(const struct synth *synth, const struct task *task) {
    const int functions = synth_knob(synth, KNOB_FUNCTIONS);
    const int split = synth_knob(synth, KNOB_SPLIT);
    const int first = functions_between(task, 0, functions / 2);
    if (split == DISCONNECTED) return first > 0 && first < task->depth;
    if (split == NON_COMPOSITIONAL) return functions_between(task, functions - 1, functions) > 0;
    return task->depth > 1 &&
           synth_held_out(synth, 0, task->functions, (size_t)task->depth, synth->knobs[KNOB_HELDOUT]);
}

static bool input_held_out(const struct synth *synth, const struct task *task) {
    unsigned char key[DEPTH + LETTERS];
    memcpy(key, task->functions, (size_t)task->depth);
    memcpy(key + task->depth, task->input, (size_t)task->letters);
    return synth_held_out(synth, task->depth, key, (size_t)(task->depth + task->letters), 0.2);
}

/* Whether training may draw a combination that differs from this one in just `count` places, none before `from`. */
static bool seen_at(const struct synth *synth, struct task *task, int from, int count) {
    if (count == 0) return !combination_held_out(synth, task);
    for (int i = from; i <= task->depth - count; i++) {
        const unsigned char own = task->functions[i];
        bool seen = false;
        for (int f = 0; f < synth_knob(synth, KNOB_FUNCTIONS) && !seen; f++) {
            task->functions[i] = (unsigned char)f;
            seen = f != own && seen_at(synth, task, i + 1, count - 1);
        }
        task->functions[i] = own;
        if (seen) return true;
    }
    return false;
}

/* One more than there are places where training has no combination as long. */
static int novelty(const struct synth *synth, struct task task) {
    int count = 0;
    while (count <= task.depth && !seen_at(synth, &task, 0, count)) count++;
    return count;
}

/* ---- What combinations do ---- */

static uint64_t mapping(const struct synth *synth, const struct world *world, const struct task *task) {
    unsigned char lists[TRIED][LETTERS];
    memcpy(lists, world->lists, sizeof lists);
    for (int k = 0; k < TRIED; k++)
        for (int i = 0; i < task->depth; i++)
            apply(lists[k], task->letters, task->functions[i], synth_knob(synth, KNOB_ALPHABET));
    return hash_bytes(lists, sizeof lists, 0);
}

static int by_value(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* All that begin with the task's functions and have up to `depth`. */
static void note_seen(const struct synth *synth, struct world *world, struct task *task, int depth) {
    if (task->depth > 0 && !combination_held_out(synth, task))
        world->seen[world->seen_count++] = mapping(synth, world, task);
    if (task->depth == depth) return;
    task->depth++;
    for (int f = 0; f < synth_knob(synth, KNOB_FUNCTIONS); f++) {
        task->functions[task->depth - 1] = (unsigned char)f;
        note_seen(synth, world, task, depth);
    }
    task->depth--;
}

static bool few_combinations(const struct synth *synth, int depth) {
    return pow(synth->knobs[KNOB_FUNCTIONS], depth) <= COMBINATIONS;
}

static bool is_known(const struct world *world, uint64_t mapping) {
    return bsearch(&mapping, world->seen, world->seen_count, sizeof mapping, by_value) != NULL;
}

/* How many of the ways to apply `left` more functions come to the answer. */
static int ways(const struct synth *synth, const unsigned char *letters, const unsigned char *answer, int n, int left) {
    int count = 0;
    if (left == 0) return memcmp(letters, answer, (size_t)n) == 0;
    for (int f = 0; f < synth_knob(synth, KNOB_FUNCTIONS); f++) {
        unsigned char next[LETTERS];
        memcpy(next, letters, sizeof next);
        apply(next, n, f, synth_knob(synth, KNOB_ALPHABET));
        count += ways(synth, next, answer, n, left - 1);
    }
    return count;
}

/* By as many combinations as are few, where there are too many. */
static double chance(const struct synth *synth, const struct task *task, const unsigned char *answer) {
    const uint32_t functions = (uint32_t)synth->knobs[KNOB_FUNCTIONS];
    if (few_combinations(synth, task->depth))
        return ways(synth, task->input, answer, task->letters, task->depth) / pow(functions, task->depth);
    struct draw draw = synth_world_draw(synth->seed);
    int right = 0;
    for (int k = 0; k < COMBINATIONS; k++) {
        unsigned char letters[LETTERS];
        memcpy(letters, task->input, sizeof letters);
        for (int i = 0; i < task->depth; i++)
            apply(letters, task->letters, (int)draw_below(&draw, functions), synth_knob(synth, KNOB_ALPHABET));
        right += memcmp(letters, answer, (size_t)task->letters) == 0;
    }
    return right / (double)COMBINATIONS;
}

static ltm_status make_world(struct synth *synth, struct ltm_error *error) {
    struct draw draw = synth_world_draw(synth->seed);
    struct task task = {.letters = synth_knob(synth, KNOB_LETTERS)};
    struct world *world = NULL;
    uint64_t marks[FUNCTIONS];
    PASS_UP(NEW_ARRAY(world, 1, "a world of functions", error));
    synth->world = world;
    for (int k = 0; k < TRIED; k++)
        for (int i = 0; i < task.letters; i++)
            world->lists[k][i] = (unsigned char)draw_below(&draw, (uint32_t)synth->knobs[KNOB_ALPHABET]);
    for (int f = 0; f < synth_knob(synth, KNOB_FUNCTIONS); f++) {
        task.depth = 1;
        task.functions[0] = (unsigned char)f;
        marks[f] = mapping(synth, world, &task);
        for (int g = 0; g < f; g++)
            if (marks[g] == marks[f])
                return fail(
                    error, LTM_INVALID,
                    "compose: on lists of %d letters %s and %s are the same; use more letters, or fewer functions",
                    task.letters, names[g], names[f]);
    }
    task.depth = 0;
    if (few_combinations(synth, synth_knob(synth, KNOB_DEPTH)))
        note_seen(synth, world, &task, synth_knob(synth, KNOB_DEPTH));
    qsort(world->seen, world->seen_count, sizeof *world->seen, by_value);
    return LTM_OK;
}

/* Combinations of two must lie on both sides. */
static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    const int functions = synth_knob(synth, KNOB_FUNCTIONS);
    const int split = synth_knob(synth, KNOB_SPLIT);
    PASS_UP(make_world(synth, error));
    if (split != RANDOM && synth_knob(synth, KNOB_DEPTH) < 2)
        return fail(error, LTM_INVALID, "compose: split = %d holds out combinations; make depth 2 or more", split);
    if (split != RANDOM) return LTM_OK;
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
    const bool even = synth_knob(synth, KNOB_EVEN);
    int tries = 0;
    do {
        if (!even || tries++ % EVEN_TRIES == 0)
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
    const struct world *world = synth->world;
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
    if (combination) json_object_set_new(p->facts, "novelty", json_integer(novelty(synth, task)));
    json_object_set_new(p->facts, "chance", json_real(chance(synth, &task, letters)));
    if (combination && world->seen_count)
        json_object_set_new(p->facts, "mapping",
                            json_string(is_known(world, mapping(synth, world, &task)) ? "known" : "new"));
    if (!combination || synth_knob(synth, KNOB_SPLIT) != NON_COMPOSITIONAL)
        json_object_set_new(p->facts, "optimum", json_integer(1));
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    (void)output;
    const char *combination = item_text(item, "combination");
    const json_t *optimum = json_object_get(item, "optimum");
    metric_add(list, right, "acc@combination=%s", combination);
    metric_add(list, right, "acc@combination=%s,complexity=%d", combination, item_integer(item, "depth"));
    if (json_object_get(item, "novelty"))
        metric_add(list, right, "acc@combination=%s,novelty=%d", combination, item_integer(item, "novelty"));
    if (json_object_get(item, "mapping"))
        metric_add(list, right, "acc@combination=%s,mapping=%s", combination, item_text(item, "mapping"));
    metric_add(list, json_number_value(json_object_get(item, "chance")), "chance");
    if (optimum) metric_add(list, json_number_value(optimum), "optimum");
}

const struct synth_family family_compose = {
    .public = {"compose", "named functions applied in sequence, combinations held out", knobs, SYNTH_COUNT(knobs)},
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
