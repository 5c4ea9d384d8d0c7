/* lexicon: a language whose words tell by their form what they are like:
 *
 *     kibe, size: small        sound: words for large things have o and u, those for small things i and e
 *     dovu, use: common        economy: words that are used often are short, the others long
 *
 * `rule` says which holds: 0 economy, 1 sound, 2 both; the form is otherwise drawn at random. A word keeps to a rule with probability
 * `strength`. Common words stand `ratio` times as often as rare ones where sizes are told; where uses are told all words alike.
 *
 * Items ask about words that no text has, between two answers. Where the form tells, nobody can be right in more than `strength` of them on
 * average, which is "optimum"; where it does not, in half, as guesses are ("chance"). So a model that does not come up to the optimum
 * has learned words alone, and one that is above half where nothing is to be known has read something into them.
 *
 * Held out: words. Difficulty: words, strength.
 *
 * Source: Piantadosi, Tily and Gibson, "Word lengths are optimized for efficient communication", PNAS 108 (2011); Dingemanse et al.,
 * "Arbitrariness, iconicity, and systematicity in language", Trends in Cognitive Sciences 19 (2015). */
#include <string.h>

#include "base/memory.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { WORDS = 1024, SHORT = 2, LONG = 4, LETTERS = 2 * LONG, SHORT_WORDS = 28 * 28 /* of the same two vowels */ };
enum { ECONOMY, SOUND, BOTH };
enum { KNOB_WORDS = KNOB_PROBLEMS + 1, KNOB_RULE, KNOB_STRENGTH, KNOB_RATIO, KNOB_HELDOUT };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(6, 6, 6),
    {"words", "words of the language, half of them common", 8, WORDS, {64, 128, 256}, 1},
    {"rule", "0 economy: length by use, 1 sound: vowels by size, 2 both", ECONOMY, BOTH, {BOTH, BOTH, BOTH}, 1},
    {"strength", "probability that a word keeps to a rule", 0.5, 1, {1, 0.9, 0.8}, 0},
    {"ratio", "how much more often a common word stands than a rare one", 1, 64, {8, 8, 8}, 1},
    {"heldout", "share of all words that are held out", 0.05, 0.9, {0.2, 0.2, 0.2}, 0},
};

enum question { SIZE, USE };
static const char *const question_names[] = {"size", "use"};
static const char *const answers[][2] = {{"small", "large"}, {"rare", "common"}};

struct word {
    char text[LETTERS + 1];
    bool is[2]; /* large, common */
};

struct language {
    struct word words[WORDS]; /* by turns rare and common */
};

static bool tells(const struct synth *synth, enum question question) {
    const int rule = synth_knob(synth, KNOB_RULE);
    return rule == BOTH || (rule == SOUND) == (question == SIZE);
}

/* What the form shows of a property: the property itself, or its opposite, or a coin's side. */
static bool shows(const struct synth *synth, struct draw *draw, enum question question, bool is) {
    return draw_chance(draw, tells(synth, question) ? synth->knobs[KNOB_STRENGTH] : 0.5) == is;
}

static void draw_word(const struct synth *synth, struct draw *draw, enum synth_side side, struct word *word) {
    static const char consonants[] = "bdfgklmnprstvz";
    static const char vowels[] = "ieou"; /* of small things, of large things */
    do {
        const int back = shows(synth, draw, SIZE, word->is[SIZE]) ? 2 : 0;
        const int letters = 2 * (shows(synth, draw, USE, word->is[USE]) ? SHORT : LONG);
        for (int i = 0; i < letters; i++)
            word->text[i] = i % 2 ? vowels[back + (int)draw_below(draw, 2)] : consonants[draw_below(draw, 14)];
        word->text[letters] = 0;
    } while (synth_held_out(synth, 0, word->text, strlen(word->text), synth->knobs[KNOB_HELDOUT]) !=
             (side == SYNTH_TEST));
}

/* A quarter of the words may have to be short and of the same vowels: twice as many are there. */
static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    struct language *language = NULL;
    struct draw draw = synth_world_draw(synth->seed);
    const double most = 2 * SHORT_WORDS * (1 - synth->knobs[KNOB_HELDOUT]);
    if (synth->knobs[KNOB_WORDS] > most)
        return fail(error, LTM_INVALID,
                    "lexicon: of short words there are too few for words = %d; %d would do, or a smaller heldout",
                    synth_knob(synth, KNOB_WORDS), (int)most);
    PASS_UP(NEW_ARRAY(language, 1, "a language", error));
    for (int w = 0; w < synth_knob(synth, KNOB_WORDS);) {
        struct word *word = &language->words[w];
        word->is[USE] = w % 2;
        word->is[SIZE] = draw_chance(&draw, 0.5);
        draw_word(synth, &draw, SYNTH_TRAIN, word);
        bool is_new = true;
        for (int k = 0; k < w; k++) is_new = is_new && strcmp(language->words[k].text, word->text) != 0;
        w += is_new;
    }
    synth->world = language;
    return LTM_OK;
}

/* Uses are told of all words alike, sizes of common ones more often. */
static const struct word *known_word(const struct synth *synth, struct draw *draw, enum question question) {
    const struct language *language = synth->world;
    const int ratio = question == USE ? 1 : synth_knob(synth, KNOB_RATIO);
    const bool common = draw_chance(draw, ratio / (ratio + 1.0));
    const int place = 2 * (int)draw_below(draw, (uint32_t)synth->knobs[KNOB_WORDS] / 2) + common;
    return &language->words[place];
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    const bool test = side == SYNTH_TEST;
    const enum question question = draw_chance(draw, test ? 0.5 : 0.25) ? USE : SIZE;
    struct word word = {.is = {draw_chance(draw, 0.5), draw_chance(draw, 0.5)}};
    if (test)
        draw_word(synth, draw, side, &word);
    else
        word = *known_word(synth, draw, question);
    text_print(&p->context, "%s, %s:", word.text, question_names[question]);
    text_add(&p->answer, answers[question][word.is[question]]);
    if (!p->item) return;
    json_object_set_new(p->facts, "choices", json_pack("[s,s]", answers[question][0], answers[question][1]));
    json_object_set_new(p->facts, "gold", json_integer(word.is[question]));
    json_object_set_new(p->facts, "question", json_string(question_names[question]));
    json_object_set_new(p->facts, "optimum", json_real(tells(synth, question) ? synth->knobs[KNOB_STRENGTH] : 0.5));
    json_object_set_new(
        p->facts, "factors",
        json_pack("{s:s,s:s}", "size", answers[SIZE][word.is[SIZE]], "use", answers[USE][word.is[USE]]));
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    const double optimum = json_number_value(json_object_get(item, "optimum"));
    (void)output;
    metric_add(list, right, "acc@question=%s", item_text(item, "question"));
    metric_add(list, optimum, "optimum@question=%s", item_text(item, "question"));
    metric_add(list, optimum, "optimum");
    metric_add(list, 0.5, "chance");
}

const struct synth_family family_lexicon = {
    .public = {"lexicon", "what new words mean in a language whose forms tell: length by use, vowels by size", knobs,
               SYNTH_COUNT(knobs)},
    .choices = true,
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
