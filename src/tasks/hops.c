/* hops: p-hop induction. From the last symbol of a sequence step to what follows its last earlier occurrence, and so p times:
 *
 *     2 hops: b a d c b d a c = a        the last c; behind the c before it stands b; behind the b before that stands a
 *
 * that is i_0 = n, i_k+1 = max{ j < i_k : s_(j-1) = s_(i_k) }, answer s_(i_p). Neighbours differ, so a hop never stays.
 *
 * With every = 1 the answer for each place stands behind it, - where there is none: as many lessons a text as symbols, none of which
 * gives the next away, for an answer of p hops follows from others of p - 1.
 *
 *     2 hops: b - a - d - c - b - d - c A
 *
 * Held out: sequences; tests may ask for more hops (deeper) and half of them for longer sequences (longer) than training has.
 * Difficulty: hops, length, symbols; the published setting is hops=32 fewest=32 length=256 symbols=4.
 *
 * Chance is that of any symbol. A guess from the last one does better, for what follows is tied to what went before: of sequences of 30
 * with four symbols the answer is the last symbol itself in 0, .49, .12 and .33 of those of 1, 2, 3 and 4 hops. "last" says how often among
 * the items.
 *
 * Source: Saunshi et al., "Reasoning with latent thoughts: on the power of looped transformers", arXiv 2502.17416, after
 * Sanford et al., "Transformers, parallel computation, and logarithmic depth", arXiv 2402.09268. */
#include <string.h>

#include "base/error.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { LENGTH = 1024, SYMBOLS = 26 };
enum {
    KNOB_HOPS = KNOB_PROBLEMS + 1,
    KNOB_FEWEST,
    KNOB_LENGTH,
    KNOB_SYMBOLS,
    KNOB_HELDOUT,
    KNOB_DEEPER,
    KNOB_LONGER,
    KNOB_EVERY
};

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(4, 3, 2),
    {"hops", "most hops", 1, 64, {1, 2, 4}, 1},
    {"fewest", "fewest hops", 1, 64, {1, 1, 1}, 1},
    {"length", "symbols in a sequence", 4, LENGTH, {12, 20, 48}, 1},
    {"symbols", "size of the alphabet", 3, SYMBOLS, {4, 4, 4}, 1},
    {"heldout", "share of sequences that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0},
    {"deeper", "most hops of a test item; 0 = hops", 0, 64, {0, 0, 0}, 1},
    {"longer", "symbols in every second test item's sequence; 0 = length", 0, LENGTH, {0, 0, 0}, 1},
    {"every", "1: the answer for every position follows it", 0, 1, {0, 0, 0}, 1},
};

/* answers (length) = s_(i_p) from each place as the last, -1 where a hop has nowhere to go. */
static void hop(int *answers, const unsigned char *symbols, int length, int hops) {
    int previous[LENGTH];
    int last[SYMBOLS];
    memset(last, -1, sizeof last);
    for (int i = 0; i < length; i++) {
        previous[i] = last[symbols[i]];
        last[symbols[i]] = i;
    }
    for (int i = 0; i < length; i++) {
        int at = i;
        for (int k = 0; k < hops && at >= 0; k++) at = previous[at] < 0 ? -1 : previous[at] + 1;
        answers[i] = at < 0 ? -1 : symbols[at];
    }
}

/* A hop goes back symbols - 1 places on average: twice that must be there, so that few sequences are drawn in vain. */
static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    const int hops = synth_knob(synth, KNOB_HOPS);
    const int symbols = synth_knob(synth, KNOB_SYMBOLS);
    const int length = synth_knob(synth, KNOB_LENGTH);
    const int deeper = synth_knob(synth, KNOB_DEEPER);
    const int longer = synth_knob(synth, KNOB_LONGER);
    const int most = deeper ? deeper : hops;
    if (synth_knob(synth, KNOB_FEWEST) > hops)
        return fail(error, LTM_INVALID, "hops: fewest = %d is more than hops = %d", synth_knob(synth, KNOB_FEWEST),
                    hops);
    if (deeper && deeper < hops)
        return fail(error, LTM_INVALID, "hops: deeper = %d is less than hops = %d, the maximum in training", deeper,
                    hops);
    if (longer && longer < length)
        return fail(error, LTM_INVALID, "hops: longer = %d is less than length = %d, the training length", longer,
                    length);
    if (length >= 2 * most * (symbols - 1)) return LTM_OK;
    return fail(error, LTM_INVALID, "hops: length = %d is too short for %d hops among %d symbols; use %d or more",
                length, most, symbols, 2 * most * (symbols - 1));
}

static void put(const struct synth *synth, struct text *text, const unsigned char *symbols, const int *answers,
                int length) {
    char words[4 * LENGTH + 1];
    int bytes = 0;
    for (int i = 0; i < length; i++) {
        words[bytes++] = ' ';
        words[bytes++] = (char)('a' + symbols[i]);
        if (!synth_knob(synth, KNOB_EVERY) || i + 1 == length) continue;
        words[bytes++] = ' ';
        words[bytes++] = (char)(answers[i] < 0 ? '-' : 'A' + answers[i]);
    }
    words[bytes] = 0;
    text_add(text, words);
    if (!synth_knob(synth, KNOB_EVERY)) text_add(text, " =");
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    const int count = synth_knob(synth, KNOB_SYMBOLS);
    const int first = synth_knob(synth, KNOB_EVERY) ? 'A' : 'a'; /* of the answers */
    const bool test = side == SYNTH_TEST;
    const int deepest = synth_knob(synth, test && synth_knob(synth, KNOB_DEEPER) ? KNOB_DEEPER : KNOB_HOPS);
    const int hops = draw_between(draw, synth_knob(synth, KNOB_FEWEST), deepest);
    const bool longer = test && synth_knob(synth, KNOB_LONGER) && draw_chance(draw, 0.5);
    const int length = synth_knob(synth, longer ? KNOB_LONGER : KNOB_LENGTH);
    unsigned char symbols[LENGTH];
    int answers[LENGTH];
    do {
        symbols[0] = (unsigned char)draw_below(draw, (uint32_t)count);
        for (int i = 1; i < length; i++) {
            const unsigned char other = (unsigned char)draw_below(draw, (uint32_t)count - 1);
            symbols[i] = (unsigned char)(other + (other >= symbols[i - 1]));
        }
        hop(answers, symbols, length, hops);
    } while (answers[length - 1] < 0 ||
             synth_held_out(synth, 0, symbols, (size_t)length, synth->knobs[KNOB_HELDOUT]) != test);
    const int answer = answers[length - 1];
    text_print(&p->context, "%d hop%s:", hops, hops > 1 ? "s" : "");
    put(synth, &p->context, symbols, answers, length);
    text_add(&p->answer, (char[]){(char)(first + answer), 0});
    if (!p->item) return;
    json_t *choices = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(choices, json_string((char[]){(char)(first + i), 0}));
    json_object_set_new(p->facts, "choices", choices);
    json_object_set_new(p->facts, "gold", json_integer(answer));
    json_object_set_new(p->facts, "hops", json_integer(hops));
    json_object_set_new(p->facts, "chance", json_real(1.0 / count));
    json_object_set_new(p->facts, "length", json_integer(length));
    json_object_set_new(p->facts, "factors",
                        json_pack("{s:s,s:s}", "answer", text_string(&p->answer), "last",
                                  (char[]){(char)('a' + symbols[length - 1]), 0}));
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    (void)output;
    const json_t *factors = json_object_get(item, "factors");
    char answer[] = {(char)('a' + item_integer(item, "gold")), 0};
    metric_add(list, right, "acc@hops=%d", item_integer(item, "hops"));
    metric_add(list, strcmp(answer, item_text(factors, "last")) == 0, "last@hops=%d", item_integer(item, "hops"));
    metric_add(list, right, "acc@length=%d", item_integer(item, "length"));
    metric_add(list, json_real_value(json_object_get(item, "chance")), "chance");
}

const struct synth_family family_hops = {
    .public = {"hops", "p-hop induction: follow earlier occurrences back through a sequence", knobs,
               SYNTH_COUNT(knobs)},
    .choices = true,
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
