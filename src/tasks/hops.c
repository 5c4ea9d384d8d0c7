/* hops: p-hop induction. From the last symbol of a sequence step to what follows its last earlier occurrence, and so p times:
 *
 *     2 hops: b a d c b d a c = a        the last c; behind the c before it stands b; behind the b before that stands a
 *
 * that is i_0 = n, i_k+1 = max{ j < i_k : s_(j-1) = s_(i_k) }, answer s_(i_p). Neighbours differ, so a hop never stays.
 *
 * Held out: sequences. Difficulty: hops, length, symbols; the published setting is hops=32 fewest=32 length=256 symbols=4.
 *
 * Source: Saunshi et al., "Reasoning with latent thoughts: on the power of looped transformers", arXiv 2502.17416, after
 * Sanford et al., "Transformers, parallel computation, and logarithmic depth", arXiv 2402.09268. */
#include <string.h>

#include "base/error.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { LENGTH = 1024, SYMBOLS = 26 };
enum { KNOB_HOPS = KNOB_PROBLEMS + 1, KNOB_FEWEST, KNOB_LENGTH, KNOB_SYMBOLS, KNOB_HELDOUT };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(4, 3, 2),
    {"hops", "most hops", 1, 64, {1, 2, 4}, 1},
    {"fewest", "fewest hops", 1, 64, {1, 1, 1}, 1},
    {"length", "symbols of a sequence", 4, LENGTH, {12, 20, 48}, 1},
    {"symbols", "symbols there are", 3, SYMBOLS, {4, 4, 4}, 1},
    {"heldout", "share of sequences that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0},
};

/* s_(i_p), or -1 where a hop has nowhere to go. */
static int hop(const unsigned char *symbols, int length, int hops) {
    int previous[LENGTH];
    int last[SYMBOLS];
    int at = length - 1;
    memset(last, -1, sizeof last);
    for (int i = 0; i < length; i++) {
        previous[i] = last[symbols[i]];
        last[symbols[i]] = i;
    }
    for (int k = 0; k < hops; k++) {
        if (previous[at] < 0) return -1;
        at = previous[at] + 1;
    }
    return symbols[at];
}

/* A hop goes back symbols - 1 places on average: twice that must be there, so that few sequences are drawn in vain. */
static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    const int hops = synth_knob(synth, KNOB_HOPS);
    const int symbols = synth_knob(synth, KNOB_SYMBOLS);
    if (synth_knob(synth, KNOB_FEWEST) > hops)
        return fail(error, LTM_INVALID, "hops: fewest = %d is more than hops = %d", synth_knob(synth, KNOB_FEWEST),
                    hops);
    if (synth_knob(synth, KNOB_LENGTH) >= 2 * hops * (symbols - 1)) return LTM_OK;
    return fail(error, LTM_INVALID, "hops: length = %d is short for %d hops among %d symbols; make it %d or more",
                synth_knob(synth, KNOB_LENGTH), hops, symbols, 2 * hops * (symbols - 1));
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    const int length = synth_knob(synth, KNOB_LENGTH);
    const int count = synth_knob(synth, KNOB_SYMBOLS);
    const int hops = draw_between(draw, synth_knob(synth, KNOB_FEWEST), synth_knob(synth, KNOB_HOPS));
    unsigned char symbols[LENGTH];
    char words[2 * LENGTH + 1];
    int answer;
    do {
        symbols[0] = (unsigned char)draw_below(draw, (uint32_t)count);
        for (int i = 1; i < length; i++) {
            const unsigned char other = (unsigned char)draw_below(draw, (uint32_t)count - 1);
            symbols[i] = (unsigned char)(other + (other >= symbols[i - 1]));
        }
        answer = hop(symbols, length, hops);
    } while (answer < 0 ||
             synth_held_out(synth, 0, symbols, (size_t)length, synth->knobs[KNOB_HELDOUT]) != (side == SYNTH_TEST));
    for (int i = 0; i < length; i++) {
        words[2 * i] = (char)('a' + symbols[i]);
        words[2 * i + 1] = ' ';
    }
    words[2 * length] = 0;
    text_print(&p->context, "%d hop%s: ", hops, hops > 1 ? "s" : "");
    text_add(&p->context, words);
    text_add(&p->context, "=");
    text_add(&p->answer, (char[]){(char)('a' + answer), 0});
    if (!p->item) return;
    json_t *choices = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(choices, json_string((char[]){(char)('a' + i), 0}));
    json_object_set_new(p->facts, "choices", choices);
    json_object_set_new(p->facts, "gold", json_integer(answer));
    json_object_set_new(p->facts, "hops", json_integer(hops));
    json_object_set_new(p->facts, "factors",
                        json_pack("{s:s,s:s}", "answer", text_string(&p->answer), "last",
                                  (char[]){(char)('a' + symbols[length - 1]), 0}));
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    (void)output;
    metric_add(list, right, "acc@hops=%d", item_integer(item, "hops"));
}

const struct synth_family family_hops = {
    .public = {"hops", "p-hop induction: follow earlier occurrences back through a sequence", knobs,
               SYNTH_COUNT(knobs)},
    .choices = true,
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
