/* conflict: what the context says against what training said:
 *
 *     now: zodu likes fig. mira likes plum        training: mira likes plum, whatever the context says of others
 *     now: zodu likes fig. zodu likes fig         training, too: of strangers the context tells
 *     now: mira likes corn. mira likes            test: corn or plum?
 *
 * Facts stand 1, 4, 16 or 64 times in a pass of `pass` documents, just so often where as many documents are written (those that a corpus
 * holds out included); the other documents are about strangers, whose values change from text to text. Items are of three kinds
 * ("context"): it contradicts a fact, and gold is what the context says, so that accuracy is how often the context wins; it is silent,
 * and gold is the fact, so that accuracy is how well the fact is known; it is about a stranger (new), as in training.
 * "prior_wins" is how often the fact is answered against the context. Guesses are right in 1 / values, a reader who heeds the question always.
 *
 * Held out: fact subjects stand in no context of training; otherwise what the context and the question name. Difficulty: facts, values.
 *
 * Source: Longpre et al., "Entity-based knowledge conflicts in question answering", arXiv 2109.05052; Chan et al., "Data distributional
 * properties drive emergent in-context learning in transformers", arXiv 2205.05055. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { FACTS = 128, GROUPS = 4, SUBJECTS = GROUPS * FACTS, VALUES = 24, NAME = 5 };
enum { ENOUGH = 10 }; /* contexts of a question expected on the smaller side: e^-10 is the chance that it has none */
enum { KNOB_FACTS = KNOB_PROBLEMS + 1, KNOB_PASS, KNOB_VALUES, KNOB_HELDOUT };

static const struct ltm_synth_knob knobs[] = {
    {"problems", "of a document: one, so that documents count facts", 1, 1, {1, 1, 1}, 1},
    {"facts", "facts for each of 1, 4, 16 and 64 times", 1, FACTS, {16, 32, 64}, 1},
    {"pass", "documents in which each fact stands so often", 100, 1e9, {20000, 20000, 20000}, 1},
    {"values", "values there are", 3, VALUES, {8, 16, VALUES}, 1},
    {"heldout", "share of contexts and questions that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0},
};

static const int times[GROUPS] = {1, 4, 16, 64};
enum { TIMES = 1 + 4 + 16 + 64 };

static const char *const values[VALUES] = {"plum", "fig",   "corn", "rice", "pear", "lemon", "kelp", "bean",
                                           "leek", "melon", "milk", "mint", "salt", "beet",  "tea",  "nut",
                                           "egg",  "soup",  "pie",  "jam",  "ham",  "fish",  "cake", "oat"};

struct world {
    char subjects[2 * SUBJECTS][NAME]; /* those with facts by group, behind them as many strangers */
    unsigned char facts[SUBJECTS];
    uint64_t step, from; /* the document i is the (step · i + from)-th of a pass as facts are counted */
};

static int subjects_of(const struct synth *synth) { return GROUPS * synth_knob(synth, KNOB_FACTS); }

static uint64_t common_divisor(uint64_t a, uint64_t b) { return b ? common_divisor(b, a % b) : a; }

static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    static const char consonants[] = "bdfgklmnprstvz";
    static const char vowels[] = "aeiou";
    enum { SYLLABLES = 14 * 5 };
    const uint64_t pass = (uint64_t)synth->knobs[KNOB_PASS];
    const int subjects = subjects_of(synth);
    const double share = synth->knobs[KNOB_HELDOUT];
    const int stated = TIMES * synth_knob(synth, KNOB_FACTS);
    struct draw draw = synth_world_draw(synth->seed);
    struct world *world = NULL;
    int names[SYLLABLES * SYLLABLES];
    if (2 * (uint64_t)stated > pass)
        return fail(error, LTM_INVALID,
                    "conflict: facts are stated in %d documents of a pass, more than half of %llu; make pass larger",
                    stated, (unsigned long long)pass);
    if (subjects * synth->knobs[KNOB_VALUES] * fmin(share, 1 - share) < ENOUGH)
        return fail(
            error, LTM_INVALID,
            "conflict: %d strangers with %d values are too few to hold out a share of %g; make facts or values larger",
            subjects, synth_knob(synth, KNOB_VALUES), share);
    PASS_UP(NEW_ARRAY(world, 1, "a world of facts", error));
    for (int i = 0; i < SYLLABLES * SYLLABLES; i++) names[i] = i;
    draw_shuffle(&draw, names, SYLLABLES * SYLLABLES);
    for (int s = 0; s < 2 * subjects; s++) {
        const int first = names[s] / SYLLABLES;
        const int second = names[s] % SYLLABLES;
        const char name[NAME] = {consonants[first / 5], vowels[first % 5], consonants[second / 5], vowels[second % 5],
                                 0};
        memcpy(world->subjects[s], name, NAME);
    }
    for (int s = 0; s < subjects; s++)
        world->facts[s] = (unsigned char)draw_below(&draw, (uint32_t)synth->knobs[KNOB_VALUES]);
    world->from = draw_below(&draw, (uint32_t)pass);
    do world->step = draw_below(&draw, (uint32_t)pass);
    while (common_divisor(pass, world->step) != 1);
    synth->world = world;
    return LTM_OK;
}

/* Whom the document is about: a subject with a fact, or -1 for a stranger. */
static int subject_of_document(const struct synth *synth, uint64_t index) {
    const struct world *world = synth->world;
    const uint64_t pass = (uint64_t)synth->knobs[KNOB_PASS];
    const int facts = synth_knob(synth, KNOB_FACTS);
    uint64_t at = (index % pass * world->step + world->from) % pass;
    for (int g = 0; g < GROUPS; g++) {
        const uint64_t stated = (uint64_t)facts * (uint64_t)times[g];
        if (at < stated) return g * facts + (int)(at / (uint64_t)times[g]);
        at -= stated;
    }
    return -1;
}

enum kind { CONTRADICTS, SILENT, NEW, KINDS };
static const char *const kind_names[KINDS] = {"contradicts", "silent", "new"};

/* Indexes into subjects and values. */
struct question {
    int told, told_value, asked, answer;
};

static bool is_held_out(const struct synth *synth, const struct question *q) {
    return synth_held_out(synth, 0, q, sizeof *q, synth->knobs[KNOB_HELDOUT]);
}

static void draw_question(const struct synth *synth, struct draw *draw, enum synth_side side, enum kind kind,
                          int subject, struct question *q) {
    const struct world *world = synth->world;
    const int subjects = subjects_of(synth);
    do {
        *q = (struct question){.told = subjects + (int)draw_below(draw, (uint32_t)subjects), .asked = subject};
        q->told_value = (int)draw_below(draw, (uint32_t)synth->knobs[KNOB_VALUES]);
        if (kind == CONTRADICTS) q->told = subject;
        if (kind == NEW) q->asked = q->told;
        q->answer = kind == SILENT ? world->facts[subject] : q->told_value;
    } while (kind == CONTRADICTS ? q->told_value == world->facts[subject]
                                 : is_held_out(synth, q) != (side == SYNTH_TEST));
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    const struct world *world = synth->world;
    const bool test = side == SYNTH_TEST;
    const int facts = synth_knob(synth, KNOB_FACTS);
    const int count = synth_knob(synth, KNOB_VALUES);
    const int subject =
        test ? (int)draw_below(draw, (uint32_t)subjects_of(synth)) : subject_of_document(synth, p->index);
    const enum kind kind = test ? (enum kind)draw_below(draw, KINDS) : subject < 0 ? NEW : SILENT;
    struct question q;
    draw_question(synth, draw, side, kind, subject, &q);
    text_print(&p->context, "now: %s likes %s. %s likes", world->subjects[q.told], values[q.told_value],
               world->subjects[q.asked]);
    text_add(&p->answer, values[q.answer]);
    if (!p->item) return;
    json_t *choices = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(choices, json_string(values[i]));
    json_object_set_new(p->facts, "choices", choices);
    json_object_set_new(p->facts, "gold", json_integer(q.answer));
    json_object_set_new(p->facts, "context_is", json_string(kind_names[kind]));
    json_object_set_new(p->facts, "chance", json_real(1.0 / count));
    json_object_set_new(p->facts, "factors", json_pack("{s:s}", "answer", values[q.answer]));
    if (kind == NEW) return;
    json_object_set_new(p->facts, "trained", json_integer(times[subject / facts]));
    json_object_set_new(p->facts, "prior", json_string(values[world->facts[subject]]));
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    const char *is = item_text(item, "context_is");
    metric_add(list, right, "acc@context=%s", is);
    if (json_object_get(item, "trained")) {
        const int trained = item_integer(item, "trained");
        metric_add(list, right, "acc@context=%s,trained=%d", is, trained);
        if (strcmp(is, kind_names[CONTRADICTS]) == 0)
            metric_add(list, strcmp(output + strspn(output, " "), item_text(item, "prior")) == 0,
                       "prior_wins@trained=%d", trained);
    }
    metric_add(list, json_number_value(json_object_get(item, "chance")), "chance");
    metric_add(list, 1, "optimum");
}

const struct synth_family family_conflict = {
    .public = {"conflict", "what the context says against facts that training told 1 to 64 times", knobs,
               SYNTH_COUNT(knobs)},
    .choices = true,
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
