/* nesting: agreement over clauses that are embedded in the middle of each other:
 *
 *     the dog often barks.                                                          depth 0
 *     the dog near the trees that the cats that the bird sees chase often barks.    depth 2, one adjunct
 *
 * The verb of the first noun is asked for, singular or plural, with its full stop: without it the plural would begin the singular and never
 * be less likely. What stands between lengthens the dependency: clauses, each of which holds the next (depth), and adjuncts behind the
 * first noun. The last noun or verb before the answer that has a number ("attractor") is as often the same as the other, so that whoever
 * follows it is right in half of the items, as whoever guesses is; the text tells the answer.
 *
 * Held out: everything before the verb; depths and adjuncts beyond those of training. Difficulty: depth, adjuncts.
 *
 * Source: Linzen, Dupoux and Goldberg, "Assessing the ability of LSTMs to learn syntax-sensitive dependencies", arXiv 1611.01368;
 * Lakretz et al., "Can transformers process recursive nested constructions, like humans?", arXiv 2110.07240. */
#include <string.h>

#include "base/error.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { DEPTH = 12, ADJUNCTS = 16, WORDS = 8 };
enum { KNOB_DEPTH = KNOB_PROBLEMS + 1, KNOB_DEEPER, KNOB_ADJUNCTS, KNOB_LONGER, KNOB_HELDOUT };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(6, 6, 4),
    {"depth", "most clauses within each other in training", 0, DEPTH, {1, 2, 3}, 1},
    {"deeper", "most of a test item; 0 = depth", 0, DEPTH, {6, 6, 6}, 1},
    {"adjuncts", "most adjuncts behind the first noun in training", 0, ADJUNCTS, {1, 1, 2}, 1},
    {"longer", "most of a test item; 0 = adjuncts", 0, ADJUNCTS, {0, 0, 4}, 1},
    {"heldout", "share of sentences that are held out", 0.05, 0.9, {0.2, 0.2, 0.2}, 0},
};

static const char *const nouns[2 * WORDS] = {"dog",   "cat",    "bird",  "boy",    "girl",   "king",
                                             "queen", "farmer", "lion",  "doctor", "friend", "sister",
                                             "baker", "singer", "horse", "teacher"};
static const char *const places[WORDS] = {"tree", "house", "river", "bridge", "tower", "garden", "wall", "road"};
static const char *const prepositions[] = {"near", "behind", "beside", "under"};
static const char *const seeing[WORDS] = {"see", "chase", "like", "know", "help", "follow", "meet", "love"};
static const char *const adverbs[WORDS] = {"often", "never", "always", "rarely", "still", "also", "now", "soon"};
static const char *const doing[WORDS] = {"bark", "run", "sleep", "sing", "laugh", "swim", "smile", "walk"};

#define ANY(draw, words) words[draw_below(draw, sizeof(words) / sizeof *(words))]

static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    static const int beyond[][2] = {{KNOB_DEPTH, KNOB_DEEPER}, {KNOB_ADJUNCTS, KNOB_LONGER}};
    for (int i = 0; i < 2; i++) {
        const int trained = synth_knob(synth, beyond[i][0]);
        const int most = synth_knob(synth, beyond[i][1]);
        const struct ltm_synth_knob *names = synth->family->public.knobs;
        if (most && most < trained)
            return fail(error, LTM_INVALID, "nesting: %s = %d is less than %s = %d, the maximum in training",
                        names[beyond[i][1]].name, most, names[beyond[i][0]].name, trained);
    }
    return LTM_OK;
}

struct sentence {
    int depth, adjuncts;
    bool plural;          /* of the first noun */
    int attractor;        /* 1: the last number before the answer is plural, 0: singular, -1: there is none */
    struct text *context; /* up to the verb */
};

static int most_of(const struct synth *synth, enum synth_side side, int trained, int tested) {
    return synth_knob(synth, side == SYNTH_TEST && synth_knob(synth, tested) ? tested : trained);
}

/* " the dogs" */
static void add_noun(struct text *text, const char *noun, bool plural) {
    text_print(text, "%sthe %s%s", text->bytes ? " " : "", noun, plural ? "s" : "");
}

static void draw_sentence(struct draw *draw, struct sentence *s) {
    bool plural[DEPTH] = {false};
    text_clear(s->context);
    s->plural = draw_chance(draw, 0.5);
    s->attractor = -1;
    add_noun(s->context, ANY(draw, nouns), s->plural);
    for (int i = 0; i < s->adjuncts; i++) {
        s->attractor = draw_chance(draw, 0.5);
        text_print(s->context, " %s", ANY(draw, prepositions));
        add_noun(s->context, ANY(draw, places), s->attractor);
    }
    for (int i = 0; i < s->depth; i++) {
        plural[i] = draw_chance(draw, 0.5);
        text_add(s->context, " that");
        add_noun(s->context, ANY(draw, nouns), plural[i]);
    }
    for (int i = s->depth - 1; i >= 0; i--) {
        s->attractor = plural[i];
        text_print(s->context, " %s%s", ANY(draw, seeing), plural[i] ? "" : "s");
    }
    text_print(s->context, " %s", ANY(draw, adverbs));
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    struct sentence s = {.context = &p->context};
    s.depth = draw_between(draw, 0, most_of(synth, side, KNOB_DEPTH, KNOB_DEEPER));
    s.adjuncts = draw_between(draw, 0, most_of(synth, side, KNOB_ADJUNCTS, KNOB_LONGER));
    const bool trained = s.depth <= synth_knob(synth, KNOB_DEPTH) && s.adjuncts <= synth_knob(synth, KNOB_ADJUNCTS);
    do draw_sentence(draw, &s);
    while (trained && !s.context->failed &&
           synth_held_out(synth, 0, text_string(s.context), s.context->bytes, synth->knobs[KNOB_HELDOUT]) !=
               (side == SYNTH_TEST));
    const char *verb = ANY(draw, doing);
    text_print(&p->answer, "%s%s.", verb, s.plural ? "" : "s");
    if (!p->item) return;
    json_object_set_new(p->facts, "choices", json_pack("[s+,s+]", verb, "s.", verb, "."));
    json_object_set_new(p->facts, "gold", json_integer(s.plural));
    json_object_set_new(p->facts, "depth", json_integer(s.depth));
    json_object_set_new(p->facts, "adjuncts", json_integer(s.adjuncts));
    json_object_set_new(p->facts, "range", json_string(trained ? "trained" : "beyond"));
    json_object_set_new(p->facts, "attractor",
                        json_string(s.attractor < 0           ? "none"
                                    : s.attractor == s.plural ? "same"
                                                              : "other"));
    json_object_set_new(p->facts, "factors", json_pack("{s:s}", "number", s.plural ? "plural" : "singular"));
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    (void)output;
    metric_add(list, right, "acc@depth=%d", item_integer(item, "depth"));
    metric_add(list, right, "acc@adjuncts=%d", item_integer(item, "adjuncts"));
    metric_add(list, right, "acc@range=%s", item_text(item, "range"));
    metric_add(list, right, "acc@attractor=%s", item_text(item, "attractor"));
    metric_add(list, 0.5, "chance");
    metric_add(list, 1, "optimum");
}

const struct synth_family family_nesting = {
    .public = {"nesting", "agreement of verb and noun over clauses within clauses", knobs, SYNTH_COUNT(knobs)},
    .choices = true,
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
