/* addition, multiplication: two numbers of many digits, digit by digit.
 *
 *     4 7 5 + 5 3 1 = 1 0 0 6
 *     4 7 5 * 3 8 = 1 8 0 5 0
 *
 * Digits stand apart, so that a tokenizer keeps each as a piece; with reverse = 1 all numbers begin at their last digit, as carries do.
 * Length is that of the first number. A sum's second number is as long; its depth is the longest run of places that one carry passes
 * through ("carry"). In every other sum most places add to nine, so that long runs are there. A product's second number has 1 … length
 * digits ("factor"), each a row of the sum that is to be taken. The answer alone is taught.
 *
 * Held out: pairs, and every length beyond that of training. Difficulty: length.
 *
 * Source: Nogueira et al., "Investigating the limitations of transformers with simple arithmetic tasks", arXiv 2102.13019, for digits
 * apart and length; Lee et al., "Teaching arithmetic to small transformers", arXiv 2307.03381, for the reversed form. */
#include <math.h>
#include <string.h>

#include "tasks/by_length.h"
#include "tasks/metric_list.h"

enum { LENGTH = 64 };
enum { KNOB_REVERSE = KNOB_OWN };

#define REVERSE \
    { "reverse", "1: numbers are written last digit first", 0, 1, {0, 0, 0}, 1 }

static const struct ltm_synth_knob addition_knobs[] = {
    SYNTH_PROBLEMS(6, 4, 3),
    SYNTH_LENGTHS("digits", LENGTH, 3, 6, 12),
    REVERSE,
};

static const struct ltm_synth_knob multiplication_knobs[] = {
    SYNTH_PROBLEMS(6, 4, 3),
    SYNTH_LENGTHS("digits", LENGTH, 2, 3, 5),
    REVERSE,
};

/* The last digit first, no leading zeros. */
struct number {
    int digits;
    unsigned char digit[2 * LENGTH];
};

static void trim(struct number *n) {
    while (n->digits > 1 && n->digit[n->digits - 1] == 0) n->digits--;
}

/* a + b; returns the longest run of places that one carry comes out of. */
static int add(struct number *sum, const struct number *a, const struct number *b) {
    int carry = 0;
    int run = 0;
    int longest = 0;
    const int digits = a->digits > b->digits ? a->digits : b->digits;
    *sum = (struct number){.digits = digits + 1};
    for (int i = 0; i < digits; i++) {
        const int here = (i < a->digits ? a->digit[i] : 0) + (i < b->digits ? b->digit[i] : 0);
        const bool begins = here > 9; /* a carry of its own, whatever comes in */
        sum->digit[i] = (unsigned char)((here + carry) % 10);
        carry = (here + carry) / 10;
        run = !carry ? 0 : begins ? 1 : run + 1;
        if (run > longest) longest = run;
    }
    sum->digit[digits] = (unsigned char)carry;
    trim(sum);
    return longest;
}

static void multiply(struct number *product, const struct number *a, const struct number *b) {
    *product = (struct number){.digits = a->digits + b->digits};
    for (int i = 0; i < a->digits; i++) {
        int carry = 0;
        for (int k = 0; k < b->digits || carry; k++) {
            const int here = product->digit[i + k] + carry + (k < b->digits ? a->digit[i] * b->digit[k] : 0);
            product->digit[i + k] = (unsigned char)(here % 10);
            carry = here / 10;
        }
    }
    trim(product);
}

static bool multiplies(const struct synth *synth) { return synth->family == &family_multiplication; }

static void draw_number(struct draw *draw, struct number *n, int digits) {
    *n = (struct number){.digits = digits};
    for (int i = 0; i < digits; i++) n->digit[i] = (unsigned char)draw_between(draw, i + 1 == digits, 9);
}

/* As long as a; a share of its digits makes nine with those of a. */
static void draw_second(struct draw *draw, struct number *b, const struct number *a) {
    const double nines = draw_chance(draw, 0.5) ? 0.8 : 0;
    draw_number(draw, b, a->digits);
    for (int i = 0; i < a->digits; i++)
        if (draw_chance(draw, nines) && (i + 1 < a->digits || a->digit[i] < 9))
            b->digit[i] = (unsigned char)(9 - a->digit[i]);
}

static void put(const struct synth *synth, const struct number *n, struct text *text) {
    const bool reverse = synth_knob(synth, KNOB_REVERSE);
    for (int i = 0; i < n->digits; i++)
        text_print(text, "%s%d", text->bytes ? " " : "", n->digit[reverse ? i : n->digits - 1 - i]);
}

/* Products are fewer: 9 · 10^(length-1) first numbers with one digit of the second. */
static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    const double numbers = 9 * pow(10, synth_knob(synth, KNOB_LENGTH) - 1);
    return check_lengths(synth, multiplies(synth) ? 9 * numbers : numbers * numbers, error);
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    struct number numbers[2];
    struct number result;
    int carry = 0;
    int length = 0;
    int tries = 0;
    do {
        draw_length(synth, draw, side, tries++, &length);
        draw_number(draw, &numbers[0], length);
        if (multiplies(synth))
            draw_number(draw, &numbers[1], draw_between(draw, 1, length));
        else
            draw_second(draw, &numbers[1], &numbers[0]);
    } while (other_side(synth, side, length, numbers, sizeof numbers));
    if (multiplies(synth))
        multiply(&result, &numbers[0], &numbers[1]);
    else
        carry = add(&result, &numbers[0], &numbers[1]);
    put(synth, &numbers[0], &p->context);
    text_add(&p->context, multiplies(synth) ? " *" : " +");
    put(synth, &numbers[1], &p->context);
    text_add(&p->context, " =");
    put(synth, &result, &p->answer);
    if (!p->item) return;
    if (multiplies(synth))
        json_object_set_new(p->facts, "factor", json_integer(numbers[1].digits));
    else
        json_object_set_new(p->facts, "carry", json_integer(carry));
    json_object_set_new(p->facts, "factors",
                        json_pack("{s:i,s:i}", "first", result.digit[result.digits - 1], "last", result.digit[0]));
    add_length(p->facts, length, synth_knob(synth, KNOB_LENGTH), 1 / (9 * pow(10, result.digits - 1)));
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    (void)output;
    const char *depth = json_object_get(item, "carry") ? "carry" : "factor";
    measure_length(item, right, list);
    metric_add(list, right, "acc@%s=%d", depth, item_integer(item, depth));
}

const struct synth_family family_addition = {
    .public = {"addition", "the sum of two numbers of many digits", addition_knobs, SYNTH_COUNT(addition_knobs)},
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};

const struct synth_family family_multiplication = {
    .public = {"multiplication", "the product of two numbers of many digits", multiplication_knobs,
               SYNTH_COUNT(multiplication_knobs)},
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
