/* calls: a question, the signatures of some functions, and the one call that does what is asked, exactly.
 *
 *     Functions: wait(seconds); buy(thing, count); move(x, y)
 *     Question: Buy this many apples: 12 plus 5.
 *     Call: buy(apples, 17)
 *
 * What is asked for is a number by itself, a sum (plus, minus, times), or takes logic (the larger of …, the smaller of …, one if … is
 * more than …, else another). Held out: by what is asked, function and numbers. The solver's wrong calls, in an item's "wrong": malformed
 * (a bracket or the comma is missing), function (another of those shown, the same arguments), argument (a slip in one of its
 * numbers). Difficulty: how many functions are shown, what arguments may take, and the largest number.
 *
 * Source: arXiv 2410.18890 trains a small model on a large one's right and wrong function calls; these are a solver's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { KNOB_FUNCTIONS = KNOB_PROBLEMS + 1, KNOB_KINDS, KNOB_LARGEST, KNOB_HELDOUT };
enum { ARGUMENTS = 2, CALL_MOST = 128 };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(4, 4, 4),
    {"functions", "functions shown", 2, 6, {2, 3, 4}, 1},
    {"kinds", "what an argument may take: 1 a number, 2 a sum too, 3 logic too", 1, 3, {2, 3, 3}, 1},
    {"largest", "largest number in a question", 10, 1000, {20, 50, 100}, 1},
    {"heldout", "share of questions, by function and numbers, that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0},
};

static const char *const things[] = {"apples", "books", "coins", "eggs", "pens", "stamps"};
static const char *const names[] = {"Tom", "Ann", "Ben", "Eve", "Sam", "Kim"};

/* In `asks` w stands for the word, a and b for numbers, behind a %. */
struct function {
    const char *name, *parameters, *asks;
    const char *const *words; /* one is the first argument; or NULL */
    int numbers;
};

enum { WORDS = SYNTH_COUNT(things) };
_Static_assert(SYNTH_COUNT(names) == WORDS, "one count for all words");

static const struct function functions[] = {
    {"wait", "seconds", "Wait for this many seconds: %a.", NULL, 1},
    {"set_timer", "minutes", "Set a timer for this many minutes: %a.", NULL, 1},
    {"set_volume", "level", "Set the volume to this level: %a.", NULL, 1},
    {"turn", "degrees", "Turn by this many degrees: %a.", NULL, 1},
    {"buy", "thing, count", "Buy this many %w: %a.", things, 1},
    {"pay", "name, amount", "Pay %w this much: %a.", names, 1},
    {"move", "x, y", "Move to this x: %a; and this y: %b.", NULL, 2},
    {"book", "floor, people", "Book a room on this floor: %a; for this many people: %b.", NULL, 2},
};

enum { FUNCTIONS = SYNTH_COUNT(functions) };

/* How a number is asked for. */
enum kind { PLAIN, PLUS, MINUS, TIMES, LARGER, SMALLER, IF, KINDS };

/* Those of knob `kinds` = 1, 2, 3. */
static const int kinds_of[] = {0, PLAIN + 1, TIMES + 1, KINDS};

/* # stands for the next number. */
static const char *const phrases[KINDS] = {[PLAIN] = "#",
                                           [PLUS] = "# plus #",
                                           [MINUS] = "# minus #",
                                           [TIMES] = "# times #",
                                           [LARGER] = "the larger of # and #",
                                           [SMALLER] = "the smaller of # and #",
                                           [IF] = "# if # is more than #, else #"};

struct value {
    int kind, numbers[4];
};

struct question {
    int function, word;
    struct value values[ARGUMENTS];
};

static int result_of(const struct value *v) {
    const int *n = v->numbers;
    switch (v->kind) {
    case PLUS:
        return n[0] + n[1];
    case MINUS:
        return n[0] - n[1];
    case TIMES:
        return n[0] * n[1];
    case LARGER:
        return n[0] > n[1] ? n[0] : n[1];
    case SMALLER:
        return n[0] < n[1] ? n[0] : n[1];
    case IF:
        return n[1] > n[2] ? n[0] : n[3];
    default:
        return n[0];
    }
}

/* What comes out with the next best operation, or the other branch; one more where that is the same. */
static int slip_of(const struct value *v) {
    static const int instead[KINDS] = {[PLAIN] = PLAIN,    [PLUS] = MINUS,     [MINUS] = PLUS, [TIMES] = PLUS,
                                       [LARGER] = SMALLER, [SMALLER] = LARGER, [IF] = IF};
    struct value other = *v;
    other.kind = instead[v->kind];
    if (v->kind == IF) {
        other.numbers[1] = v->numbers[2];
        other.numbers[2] = v->numbers[1];
    }
    const int right = result_of(v);
    const int slip = result_of(&other);
    return slip == right || slip < 0 ? right + 1 : slip;
}

static struct value draw_value(struct draw *draw, int kinds, int largest) {
    struct value v = {.kind = (int)draw_below(draw, (uint32_t)kinds_of[kinds])};
    const int count = v.kind == PLAIN ? 1 : v.kind == IF ? 4 : 2;
    for (int i = 0; i < count; i++) v.numbers[i] = draw_between(draw, 1, largest);
    if (v.kind == TIMES) v.numbers[1] = draw_between(draw, 2, 5);
    if (v.kind == MINUS && v.numbers[0] < v.numbers[1]) {
        const int less = v.numbers[0];
        v.numbers[0] = v.numbers[1];
        v.numbers[1] = less;
    }
    return v;
}

static void draw_question(const struct synth *synth, struct draw *draw, struct question *q) {
    memset(q, 0, sizeof *q); /* all of it is its key */
    q->function = (int)draw_below(draw, FUNCTIONS);
    q->word = (int)draw_below(draw, WORDS);
    if (!functions[q->function].words) q->word = 0;
    for (int i = 0; i < functions[q->function].numbers; i++)
        q->values[i] = draw_value(draw, synth_knob(synth, KNOB_KINDS), synth_knob(synth, KNOB_LARGEST));
}

static void put_value(struct text *text, const struct value *v) {
    const int *next = v->numbers;
    for (const char *at = phrases[v->kind]; *at; at++)
        if (*at == '#')
            text_print(text, "%d", *next++);
        else
            text_print(text, "%c", *at);
}

static void put_question(struct text *text, const struct question *q) {
    const struct function *f = &functions[q->function];
    for (const char *at = f->asks; *at; at++) {
        if (*at != '%')
            text_print(text, "%c", *at);
        else if (*++at == 'w')
            text_add(text, f->words[q->word]);
        else
            put_value(text, &q->values[*at - 'a']);
    }
}

/* name(word, numbers) */
static void print_call(char call[CALL_MOST], const char *name, const struct question *q, const int *numbers) {
    const struct function *f = &functions[q->function];
    int at = snprintf(call, CALL_MOST, "%s(", name);
    if (f->words) at += snprintf(call + at, CALL_MOST - (size_t)at, "%s, ", f->words[q->word]);
    for (int i = 0; i < f->numbers; i++)
        at += snprintf(call + at, CALL_MOST - (size_t)at, "%s%d", i ? ", " : "", numbers[i]);
    snprintf(call + at, CALL_MOST - (size_t)at, ")");
}

/* Take one character away: a bracket, or a comma. */
static void break_call(char *call, struct draw *draw) {
    const char *const marks[] = {strchr(call, '('), strchr(call, ')'), strchr(call, ',')};
    const char *mark = marks[draw_below(draw, marks[2] ? 3 : 2)];
    memmove(call + (mark - call), mark + 1, strlen(mark));
}

static void put_wrong(struct synth_problem *p, const struct question *q, const char *right, const int *numbers,
                      const char *other, struct draw *draw) {
    char malformed[CALL_MOST];
    char function[CALL_MOST];
    char argument[CALL_MOST];
    int slipped[ARGUMENTS] = {numbers[0], numbers[1]};
    const int which = (int)draw_below(draw, (uint32_t)functions[q->function].numbers);
    slipped[which] = slip_of(&q->values[which]);
    snprintf(malformed, sizeof malformed, "%s", right);
    break_call(malformed, draw);
    print_call(function, other, q, numbers);
    print_call(argument, functions[q->function].name, q, slipped);
    json_object_set_new(p->facts, "wrong",
                        json_pack("{s:s,s:s,s:s}", "malformed", malformed, "function", function, "argument", argument));
    json_object_set_new(p->facts, "factors", json_pack("{s:s}", "function", functions[q->function].name));
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    struct question q;
    char call[CALL_MOST];
    int shown[FUNCTIONS];
    int numbers[ARGUMENTS];
    const int count = synth_knob(synth, KNOB_FUNCTIONS);
    do draw_question(synth, draw, &q);
    while (synth_held_out(synth, 0, &q, sizeof q, synth->knobs[KNOB_HELDOUT]) != (side == SYNTH_TEST));
    /* The function asked for, and others, in any order. */
    for (int i = 0; i < FUNCTIONS; i++) shown[i] = i;
    shown[0] = q.function;
    shown[q.function] = 0;
    draw_shuffle(draw, shown + 1, FUNCTIONS - 1);
    const char *other = functions[shown[1]].name;
    draw_shuffle(draw, shown, count);
    text_add(&p->context, "Functions: ");
    for (int i = 0; i < count; i++)
        text_print(&p->context, "%s%s(%s)", i ? "; " : "", functions[shown[i]].name, functions[shown[i]].parameters);
    text_add(&p->context, "\nQuestion: ");
    put_question(&p->context, &q);
    text_add(&p->context, "\nCall:");
    for (int i = 0; i < ARGUMENTS; i++) numbers[i] = result_of(&q.values[i]);
    print_call(call, functions[q.function].name, &q, numbers);
    text_add(&p->answer, call);
    if (p->item) put_wrong(p, &q, call, numbers, other, draw);
}

/* Where a call name(argument, …) ends that begins at `at`, with nothing but blanks behind it; the length of its name in *name.
 * NULL for what is none. */
static const char *parse_call(const char *at, size_t *name) {
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    *name = strspn(at, word);
    if (!*name || at[*name] != '(') return NULL;
    at += *name + 1;
    for (;;) {
        const size_t argument = strspn(at, word);
        if (!argument) return NULL;
        at += argument;
        if (*at == ')') break;
        if (strncmp(at, ", ", 2) != 0) return NULL;
        at += 2;
    }
    return at[1 + strspn(at + 1, " \n")] ? NULL : at + 1;
}

/* Each output is right, or wrong in one way. */
static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    const char *gold = item_text(item, "answer");
    size_t name;
    size_t gold_name = strcspn(gold, "(");
    output += strspn(output, " \n");
    const bool formed = parse_call(output, &name) != NULL;
    const bool function = formed && name == gold_name && memcmp(output, gold, name) == 0;
    metric_add(list, !right && !formed, "malformed");
    metric_add(list, !right && formed && !function, "wrong_function");
    metric_add(list, !right && function, "wrong_argument");
}

const struct synth_family family_calls = {
    .public = {"calls", "function calls with arithmetic and logic in their arguments", knobs, SYNTH_COUNT(knobs)},
    .stop = "\\n",
    .pairs = true,
    .problem = problem,
    .measure = measure,
};
