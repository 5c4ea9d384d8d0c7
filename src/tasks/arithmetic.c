/* arithmetic: word problems of one to four steps in GSM8K's form, "Question: …\nAnswer: …\n#### n".
 *
 *     Question: Tom has 5 apples. Tom buys 3 more. Then he gives 2 away. How many apples does Tom have?
 *     Answer: 5 + 3 = 8. 8 - 2 = 6.
 *     #### 6
 *
 * Held out, both ways: by shape (a sequence of operations that no training text has, of two steps and more) and by numbers (the
 * tuple of numbers, under a shape that is seen). Items record which ("heldout": "shape" or "numbers") and the steps.
 * Difficulty: the most steps, and the largest number.
 *
 * Source: Cobbe et al., "Training verifiers to solve math word problems" (GSM8K), arXiv 2110.14168, for the form and its
 * scoring; its step counts are two to eight. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { ADD, TAKE, TIMES, SHARE, OPERATIONS };
enum { STEPS = 4, FORMS = 3 };
enum { KNOB_STEPS = KNOB_PROBLEMS + 1, KNOB_LARGEST, KNOB_HELDOUT };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(4, 4, 3),
    {"steps", "most steps of a problem", 1, STEPS, {1, 2, STEPS}, 1},
    {"largest", "largest number, results included", 10, 1000000, {20, 100, 1000}, 1},
    {"heldout", "share of shapes, and of number tuples, that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0},
};

static const char *const names[] = {"Tom", "Ann", "Ben", "Eve", "Sam", "Kim", "Max", "Lea"};
static const char *const things[] = {"apples", "books", "coins", "eggs", "pens", "shells", "stamps", "cards"};

/* %d is the operation's number. */
static const char *const forms[OPERATIONS][FORMS] = {
    {"buys %d more", "finds %d more", "is given %d more"},
    {"gives %d away", "loses %d", "sells %d"},
    {"comes to have %d times as many", "makes it %d times as many", "wins until there are %d times as many"},
    {"shares them evenly among %d friends and keeps one part", "keeps one of %d even parts",
     "divides them by %d and keeps one part"},
};

static const char signs[OPERATIONS] = {'+', '-', '*', '/'};

struct sums {
    int steps, operations[STEPS], numbers[STEPS + 1], results[STEPS + 1];
};

static bool shape_held_out(const struct synth *synth, const struct sums *sums) {
    return sums->steps > 1 &&
           synth_held_out(synth, 0, sums->operations, sizeof(int) * (size_t)sums->steps, synth->knobs[KNOB_HELDOUT]);
}

static bool numbers_held_out(const struct synth *synth, const struct sums *sums) {
    return synth_held_out(synth, 1, sums->numbers, sizeof(int) * ((size_t)sums->steps + 1), synth->knobs[KNOB_HELDOUT]);
}

/* A divisor of n from 2 to 9; 0 when there is none. */
static int divisor(struct draw *draw, int n) {
    int found[8];
    int count = 0;
    for (int d = 2; d <= 9; d++)
        if (n % d == 0) found[count++] = d;
    return count ? found[draw_below(draw, (uint32_t)count)] : 0;
}

/* The number of the next operation, so that its result is whole and from 1 to `largest`; 0 when there is none. */
static int draw_number(struct draw *draw, int operation, int before, int largest) {
    switch (operation) {
    case ADD:
        return before < largest ? draw_between(draw, 1, largest - before) : 0;
    case TAKE:
        return before > 1 ? draw_between(draw, 1, before - 1) : 0;
    case TIMES: {
        const int most = largest / before < 9 ? largest / before : 9;
        return most >= 2 ? draw_between(draw, 2, most) : 0;
    }
    default:
        return divisor(draw, before);
    }
}

/* False when the drawn shape has no numbers here. */
static bool draw_numbers(struct draw *draw, struct sums *sums, int largest) {
    sums->numbers[0] = sums->results[0] = draw_between(draw, 2, largest);
    for (int s = 0; s < sums->steps; s++) {
        const int before = sums->results[s];
        const int number = draw_number(draw, sums->operations[s], before, largest);
        if (!number) return false;
        sums->numbers[s + 1] = number;
        switch (sums->operations[s]) {
        case ADD:
            sums->results[s + 1] = before + number;
            break;
        case TAKE:
            sums->results[s + 1] = before - number;
            break;
        case TIMES:
            sums->results[s + 1] = before * number;
            break;
        default:
            sums->results[s + 1] = before / number;
        }
    }
    return true;
}

/* Training: neither the shape nor the numbers are held out. Tests: one of them is, by turns where there are several steps. */
static bool draw_shape(const struct synth *synth, struct draw *draw, bool held_out, struct sums *sums) {
    for (int tries = 0; tries < 1000; tries++) {
        sums->steps = draw_between(draw, held_out ? 2 : 1, synth_knob(synth, KNOB_STEPS));
        for (int s = 0; s < sums->steps; s++) sums->operations[s] = (int)draw_below(draw, OPERATIONS);
        if (shape_held_out(synth, sums) == held_out) return true;
    }
    return false;
}

static const char *draw_sums(const struct synth *synth, struct draw *draw, enum synth_side side, struct sums *sums) {
    const bool by_shape = side == SYNTH_TEST && synth_knob(synth, KNOB_STEPS) > 1 && draw_chance(draw, 0.5);
    do draw_shape(synth, draw, by_shape, sums);
    while (!draw_numbers(draw, sums, synth_knob(synth, KNOB_LARGEST)) ||
           numbers_held_out(synth, sums) != (side == SYNTH_TEST && !by_shape));
    return by_shape ? "shape" : "numbers";
}

/* One or more shapes must be held out, and not all of a length. */
static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    struct sums sums = {.steps = 2};
    int out = 0;
    for (int i = 0; i < OPERATIONS * OPERATIONS; i++) {
        sums.operations[0] = i / OPERATIONS;
        sums.operations[1] = i % OPERATIONS;
        out += shape_held_out(synth, &sums);
    }
    if (synth_knob(synth, KNOB_STEPS) < 2 || (out > 0 && out < OPERATIONS * OPERATIONS)) return LTM_OK;
    return fail(
        error, LTM_INVALID,
        "arithmetic: with heldout = %g and this seed, %s shapes of two steps would be held out; change one of them",
        synth->knobs[KNOB_HELDOUT], out ? "all" : "no");
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    static const char *const then[] = {"", "Then ", "After that "};
    struct sums sums = {0};
    const char *held_out = draw_sums(synth, draw, side, &sums);
    const char *name = names[draw_below(draw, SYNTH_COUNT(names))];
    const char *thing = things[draw_below(draw, SYNTH_COUNT(things))];
    text_print(&p->context, "Question: %s has %d %s.", name, sums.numbers[0], thing);
    for (int s = 0; s < sums.steps; s++) {
        const char *form = forms[sums.operations[s]][draw_below(draw, FORMS)];
        const char *number = strstr(form, "%d");
        text_print(&p->context, " %s%s %.*s%d%s.", s ? then[draw_below(draw, SYNTH_COUNT(then))] : "", name,
                   (int)(number - form), form, sums.numbers[s + 1], number + 2);
        text_print(&p->answer, "%s%d %c %d = %d.", s ? " " : "", sums.results[s], signs[sums.operations[s]],
                   sums.numbers[s + 1], sums.results[s + 1]);
    }
    text_print(&p->context, " How many %s does %s have?\nAnswer:", thing, name);
    text_print(&p->answer, "\n#### %d", sums.results[sums.steps]);
    if (!p->item) return;
    json_object_set_new(p->facts, "steps", json_integer(sums.steps));
    if (side == SYNTH_TEST) json_object_set_new(p->facts, "heldout", json_string(held_out));
    json_object_set_new(p->facts, "factors",
                        json_pack("{s:f,s:f,s:s}", "answer", (double)sums.results[sums.steps], "first",
                                  (double)sums.numbers[0], "operation", (char[]){signs[sums.operations[0]], 0}));
}

/* Beside the answer, how many of its steps are sums that come out. */
static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    int sums = 0;
    int true_sums = 0;
    metric_add(list, right, "acc@steps=%d", item_integer(item, "steps"));
    if (*item_text(item, "heldout")) metric_add(list, right, "acc@heldout=%s", item_text(item, "heldout"));
    for (const char *at = output; (at = strchr(at, '=')); at++) {
        const char *from = at;
        long a;
        long b;
        long c;
        char sign;
        while (from > output && !strchr(".\n", from[-1])) from--;
        if (sscanf(from, " %9ld %c %9ld = %18ld", &a, &sign, &b, &c) != 4) continue;
        sums++;
        true_sums += sign == '+'   ? a + b == c
                     : sign == '-' ? a - b == c
                     : sign == '*' ? a * b == c
                                   : b && a % b == 0 && a / b == c;
    }
    if (sums) metric_add(list, (double)true_sums / sums, "sums_right");
}

const struct synth_family family_arithmetic = {
    .public = {"arithmetic", "word problems in GSM8K's form, one to four steps", knobs, SYNTH_COUNT(knobs)},
    .extract = "#### (-?[0-9.,]+)",
    .stop = "Question:",
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
