/* parity, modular, permutations: the state after a sequence of elements of a group, which is applied from the left.
 *
 *     parity: 1 0 1 1 = 1
 *     sum mod 7: 3 6 0 5 = 0
 *     permute: bcaed acbde eabcd = dbace      from abcde; "bca": the new first is the old second, b, and so on
 *
 * A state follows from the one before and one element, so that length is the depth of the sequential computation. Sums modulo m and parity
 * have shortcuts of constant or logarithmic depth; of five points or more, permutations are a group that is not solvable, and no
 * decoder of fixed depth can track all lengths of them (unless TC0 = NC1). The answer alone is what is asked for and taught (show = 0), so
 * that the depth is the model's own; with show = 1 answers write the state behind every element, which makes each a single step.
 *
 * Held out: sequences, and every length beyond that of training. Difficulty: length, modulus.
 *
 * Source: Liu et al., "Transformers learn shortcuts to automata", arXiv 2210.10749; Merrill, Petty and Sabharwal, "The illusion of
 * state in state-space models", arXiv 2404.08819, for S5. */
#include <math.h>
#include <string.h>

#include "tasks/by_length.h"
#include "tasks/metric_list.h"

enum { LENGTH = 512, POINTS = 5 };
enum { KNOB_SHOW = KNOB_OWN, KNOB_ORDER };

#define SHOW \
    { "show", "1: answers give the state after every element", 0, 1, {0, 0, 0}, 1 }

static const struct ltm_synth_knob parity_knobs[] = {
    SYNTH_PROBLEMS(4, 4, 3),
    SYNTH_LENGTHS("bits", LENGTH, 8, 16, 32),
    SHOW,
};

static const struct ltm_synth_knob modular_knobs[] = {
    SYNTH_PROBLEMS(4, 4, 3),
    SYNTH_LENGTHS("numbers", LENGTH, 6, 12, 24),
    SHOW,
    {"modulus", "modulus of the sums", 2, 100, {3, 5, 10}, 1},
};

static const struct ltm_synth_knob permutations_knobs[] = {
    SYNTH_PROBLEMS(4, 4, 3),
    SYNTH_LENGTHS("permutations", LENGTH, 4, 8, 16),
    SHOW,
    {"points", "letters that are permuted: 5 = S5", 3, POINTS, {POINTS, POINTS, POINTS}, 1},
};

/* An element, and a state: a number in the first place, or where each letter comes from. */
typedef unsigned char element[POINTS];

static bool permutes(const struct synth *synth) { return synth->family == &family_permutations; }

/* Of the sum; or the number of letters. */
static int order_of(const struct synth *synth) {
    return synth->family == &family_parity ? 2 : synth_knob(synth, KNOB_ORDER);
}

static double elements_of(const struct synth *synth) {
    return permutes(synth) ? tgamma(order_of(synth) + 1.0) : order_of(synth);
}

static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    return check_lengths(synth, pow(elements_of(synth), synth_knob(synth, KNOB_LENGTH)), error);
}

static void draw_element(const struct synth *synth, struct draw *draw, element e) {
    const int order = order_of(synth);
    int places[POINTS] = {0, 1, 2, 3, 4};
    if (permutes(synth))
        draw_shuffle(draw, places, order);
    else
        places[0] = (int)draw_below(draw, (uint32_t)order);
    for (int i = 0; i < POINTS; i++) e[i] = (unsigned char)places[i];
}

/* state <- element applied to it */
static void apply(const struct synth *synth, element state, const element e) {
    element before;
    memcpy(before, state, sizeof before);
    if (permutes(synth))
        for (int i = 0; i < POINTS; i++) state[i] = before[e[i]];
    else
        state[0] = (unsigned char)((before[0] + e[0]) % order_of(synth));
}

static void put(const struct synth *synth, const element e, struct text *text) {
    if (text->bytes) text_add(text, " ");
    if (permutes(synth))
        for (int i = 0; i < order_of(synth); i++) text_add(text, (char[]){(char)('a' + e[i]), 0});
    else
        text_print(text, "%d", e[0]);
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    element elements[LENGTH];
    element state = {0};
    int length = 0;
    int tries = 0;
    do {
        draw_length(synth, draw, side, tries++, &length);
        for (int i = 0; i < length; i++) draw_element(synth, draw, elements[i]);
    } while (other_side(synth, side, length, elements, sizeof(element) * (size_t)length));
    if (permutes(synth))
        text_add(&p->context, "permute:");
    else if (synth->family == &family_parity)
        text_add(&p->context, "parity:");
    else
        text_print(&p->context, "sum mod %d:", order_of(synth));
    for (int i = 0; permutes(synth) && i < POINTS; i++) state[i] = (unsigned char)i;
    for (int i = 0; i < length; i++) {
        put(synth, elements[i], &p->context);
        apply(synth, state, elements[i]);
        if (i + 1 == length || synth_knob(synth, KNOB_SHOW)) put(synth, state, &p->answer);
    }
    text_add(&p->context, " =");
    if (!p->item) return;
    struct text last = {0};
    put(synth, state, &last);
    json_object_set_new(p->facts, "factors", json_pack("{s:s}", "answer", text_string(&last)));
    text_free(&last);
    add_length(p->facts, length, synth_knob(synth, KNOB_LENGTH), 1 / elements_of(synth));
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    (void)output;
    measure_length(item, right, list);
}

const struct synth_family family_parity = {
    .public = {"parity", "parity of a sequence of bits", parity_knobs, SYNTH_COUNT(parity_knobs)},
    .last = true,
    .extract = "[0-9]+",
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};

const struct synth_family family_modular = {
    .public = {"modular", "the sum of a sequence of numbers, modulo a number", modular_knobs,
               SYNTH_COUNT(modular_knobs)},
    .last = true,
    .extract = "[0-9]+",
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};

const struct synth_family family_permutations = {
    .public = {"permutations", "a sequence of permutations of five letters, composed (S5)", permutations_knobs,
               SYNTH_COUNT(permutations_knobs)},
    .last = true,
    .extract = "[a-e]+",
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
