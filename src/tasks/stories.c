/* stories: five hidden factors (place, people, mood, goal, ending) rule a text all along, each through a vocabulary of its own;
 * none is ever named. A window of a few tokens sees a word or two of each: what z should hold is which values they are.
 *
 *     Tom carried the map calmly. There was smoke near the pier. … At last Ann stood by the nets with the compass, calmly,
 *     and a fire burned it all down. The end fits the story.
 *
 * Items: `continue` asks for the last sentence among four that differ in the words of one factor; `verdict` shows a last
 * sentence that may be of another ending than the omens foretold, and asks whether the end fits. Each records the factors.
 *
 * Held out: combinations of the five values. Every value is seen in training, in other company.
 * Difficulty: values of each factor, sentences, and noise (the share of words taken from a wrong value).
 *
 * Source: this project's own, after the factor-ruled corpora with which probes of representations are tested (Hewitt and
 * Liang, "Designing and interpreting probes with control tasks", EMNLP 2019). */
#include <string.h>

#include "base/error.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { PLACE, PEOPLE, MOOD, GOAL, ENDING, FACTORS };
enum { VALUES = 6, WORDS = 5, CLOSINGS = 2, CHOICES = 4 };
enum { KNOB_VALUES = KNOB_PROBLEMS + 1, KNOB_SENTENCES, KNOB_NOISE, KNOB_HELDOUT };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(2, 2, 2),
    {"values", "values of each factor", 2, VALUES, {3, 6, 6}, 1},
    {"sentences", "sentences before the last", 2, 200, {6, 8, 16}, 1},
    {"noise", "share of words taken from a wrong value", 0, 0.9, {0, 0.1, 0.3}, 0},
    {"heldout", "share of combinations that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0},
};

static const char *const factor_names[FACTORS] = {"place", "people", "mood", "goal", "ending"};

static const char *const value_names[FACTORS][VALUES] = {
    {"harbour", "forest", "castle", "farm", "desert", "school"},
    {"family", "sailors", "nobles", "animals", "trades", "smiths"},
    {"calm", "merry", "afraid", "angry", "proud", "tired"},
    {"treasure", "meal", "letter", "music", "repair", "garden"},
    {"fire", "wedding", "flood", "sleep", "battle", "journey"},
};

/* Of the factor ENDING: omens, nouns that go with "there was". */
static const char *const words[FACTORS][VALUES][WORDS] = {
    {{"pier", "nets", "boats", "gulls", "anchor"},
     {"oaks", "moss", "pines", "brook", "ferns"},
     {"tower", "moat", "gate", "throne", "dungeon"},
     {"barn", "plough", "hens", "fence", "hay"},
     {"dunes", "cactus", "camels", "oasis", "sand"},
     {"desks", "chalk", "books", "bell", "yard"}},
    {{"Ann", "Tom", "Mother", "Father", "Grandma"},
     {"Jack", "Bill", "the captain", "the pilot", "the cook"},
     {"the king", "the queen", "the duke", "the prince", "the lady"},
     {"the fox", "the bear", "the owl", "the hare", "the wolf"},
     {"the baker", "the tailor", "the miller", "the weaver", "the potter"},
     {"Ivan", "Olga", "Boris", "Vera", "Igor"}},
    {{"calmly", "quietly", "gently", "softly", "slowly"},
     {"merrily", "gladly", "brightly", "laughing", "happily"},
     {"fearfully", "trembling", "pale", "nervously", "shaking"},
     {"angrily", "shouting", "fiercely", "bitterly", "scowling"},
     {"proudly", "boldly", "grandly", "nobly", "loftily"},
     {"wearily", "yawning", "sleepily", "limping", "sighing"}},
    {{"map", "compass", "chest", "key", "spade"},
     {"flour", "butter", "kettle", "salt", "eggs"},
     {"envelope", "stamp", "ink", "pen", "paper"},
     {"flute", "drum", "fiddle", "song", "harp"},
     {"hammer", "nails", "saw", "planks", "glue"},
     {"seeds", "roses", "rake", "pots", "bulbs"}},
    {{"smoke", "a spark", "dry straw", "ash", "heat"},
     {"a ring", "white lace", "a veil", "sweet cake", "a dance"},
     {"rain", "a puddle", "thunder", "a leak", "mud"},
     {"a pillow", "moonlight", "a blanket", "a lullaby", "dusk"},
     {"a sword", "a shield", "a banner", "an arrow", "a trumpet"},
     {"a road", "a wagon", "a saddle", "a boot", "a signpost"}},
};

static const char *const closings[VALUES][CLOSINGS] = {
    {"a fire burned it all down", "flames took everything"},
    {"two of them were married", "a wedding was held"},
    {"the water rose over everything", "a flood washed it all away"},
    {"everybody fell asleep", "they slept until morning"},
    {"a battle began", "they fought until night"},
    {"they set out for far lands", "a long journey began"},
};

/* A letter stands for a word of that factor: p place, h people (two), m mood, g goal, e ending. */
static const char *const templates[] = {
    "h went m past the p.",
    "By the p, h thought of the g.",
    "h carried the g m.",
    "There was e near the p.",
    "h spoke m of e.",
    "The g lay behind the p.",
    "h saw e and the g.",
    "h met h by the p.",
    "h sat m between the p and e.",
    "h asked h m about the g.",
};

static const char last[] = "At last h stood by the p with the g, m, and E.";

struct story {
    int values[FACTORS];  /* what rules it */
    int closing[FACTORS]; /* what rules its last sentence */
    int pick[FACTORS];    /* which words the last sentence takes */
};

static int factor_of(char letter) {
    static const char letters[] = "phmgE";
    const char *at = strchr(letters, letter == 'e' ? 'E' : letter);
    return at ? (int)(at - letters) : -1;
}

static void capital(struct text *text, size_t from) {
    if (!text->failed && text->bytes > from && text->data[from] >= 'a' && text->data[from] <= 'z')
        text->data[from] = (char)(text->data[from] - 'a' + 'A');
}

/* A letter alone is a slot; within a word it is text. */
static int slot_at(const char *form, size_t i) {
    const bool begins = i == 0 || form[i - 1] == ' ';
    const bool ends = !form[i + 1] || strchr(" .,", form[i + 1]);
    return begins && ends ? factor_of(form[i]) : -1;
}

static void tell(const struct synth *synth, struct draw *draw, struct text *text, const struct story *story,
                 const char *form) {
    const int values = synth_knob(synth, KNOB_VALUES);
    const size_t from = text->bytes;
    int pick = (int)draw_below(draw, WORDS);
    for (size_t i = 0; form[i]; i++) {
        const int factor = slot_at(form, i);
        if (factor < 0) {
            text_add(text, (char[]){form[i], 0});
            continue;
        }
        const bool noise = draw_chance(draw, synth->knobs[KNOB_NOISE]);
        const int value = noise ? (int)draw_below(draw, (uint32_t)values) : story->values[factor];
        pick = (pick + 1 + (int)draw_below(draw, WORDS - 1)) % WORDS; /* nobody meets himself */
        text_add(text, words[factor][value][pick]);
    }
    capital(text, from);
}

/* All forms once in a drawn order before one comes again, so that no factor stays unseen for long. */
static void tell_all(const struct synth *synth, struct draw *draw, struct text *text, const struct story *story) {
    int order[SYNTH_COUNT(templates)];
    const int sentences = synth_knob(synth, KNOB_SENTENCES);
    for (int i = 0; i < SYNTH_COUNT(templates); i++) order[i] = i;
    for (int i = 0; i < sentences; i++) {
        if (i % SYNTH_COUNT(templates) == 0) draw_shuffle(draw, order, SYNTH_COUNT(templates));
        if (i) text_add(text, " ");
        tell(synth, draw, text, story, templates[order[i % SYNTH_COUNT(templates)]]);
    }
}

static void conclude(struct text *text, const struct story *story) {
    const size_t from = text->bytes;
    for (size_t i = 0; last[i]; i++) {
        const int factor = slot_at(last, i);
        if (factor < 0)
            text_add(text, (char[]){last[i], 0});
        else if (factor == ENDING)
            text_add(text, closings[story->closing[ENDING]][story->pick[ENDING] % CLOSINGS]);
        else
            text_add(text, words[factor][story->closing[factor]][story->pick[factor]]);
    }
    capital(text, from);
}

static bool is_held_out(const struct synth *synth, const int values[FACTORS]) {
    return synth_held_out(synth, 0, values, sizeof(int) * FACTORS, synth->knobs[KNOB_HELDOUT]);
}

/* Both sides must have combinations, and training every value. */
static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    const int n = synth_knob(synth, KNOB_VALUES);
    bool seen[FACTORS][VALUES] = {{false}}, some = false;
    int values[FACTORS] = {0};
    for (int at = 0; at < FACTORS;) {
        const bool out = is_held_out(synth, values);
        some = some || out;
        for (int f = 0; f < FACTORS && !out; f++) seen[f][values[f]] = true;
        for (at = 0; at < FACTORS && ++values[at] == n; at++) values[at] = 0;
    }
    for (int f = 0; f < FACTORS; f++)
        for (int v = 0; v < n; v++) some = some && seen[f][v];
    if (some) return LTM_OK;
    return fail(error, LTM_INVALID,
                "stories: with values = %d, heldout = %g and this seed, some value would not be seen in training, "
                "or nothing would be held out; change one of them",
                n, synth->knobs[KNOB_HELDOUT]);
}

static int other_value(struct draw *draw, int value, int n) {
    const int other = (int)draw_below(draw, (uint32_t)n - 1);
    return other + (other >= value);
}

static struct story draw_story(const struct synth *synth, struct draw *draw, enum synth_side side) {
    struct story story;
    do
        for (int f = 0; f < FACTORS; f++)
            story.values[f] = (int)draw_below(draw, (uint32_t)synth_knob(synth, KNOB_VALUES));
    while (is_held_out(synth, story.values) != (side == SYNTH_TEST));
    memcpy(story.closing, story.values, sizeof story.values);
    for (int f = 0; f < FACTORS; f++) story.pick[f] = (int)draw_below(draw, WORDS);
    return story;
}

/* Four last sentences that differ in the words of one factor, the right one among them. */
static void offer_endings(const struct synth *synth, struct draw *draw, const struct story *story,
                          struct synth_problem *p) {
    const int n = synth_knob(synth, KNOB_VALUES);
    const int factor = (int)draw_below(draw, FACTORS);
    int values[VALUES];
    int count = 0;
    for (int v = 0; v < n; v++)
        if (v != story->values[factor]) values[count++] = v;
    draw_shuffle(draw, values, count);
    if (count > CHOICES - 1) count = CHOICES - 1;
    values[count] = story->values[factor];
    draw_shuffle(draw, values, count + 1);
    json_t *choices = json_array();
    for (int i = 0; i <= count; i++) {
        struct story other = *story;
        struct text text = {0};
        other.closing[factor] = values[i];
        conclude(&text, &other);
        json_array_append_new(choices, json_string(text_string(&text)));
        text_free(&text);
        if (values[i] == story->values[factor]) json_object_set_new(p->facts, "gold", json_integer(i));
    }
    json_object_set_new(p->facts, "choices", choices);
    json_object_set_new(p->facts, "form", json_string("continue"));
    json_object_set_new(p->facts, "factor", json_string(factor_names[factor]));
}

static void note_factors(struct synth_problem *p, const struct story *story, const struct text *document) {
    json_t *factors = json_object();
    for (int f = 0; f < FACTORS; f++)
        json_object_set_new(factors, factor_names[f], json_string(value_names[f][story->values[f]]));
    json_object_set_new(p->facts, "factors", factors);
    json_object_set_new(p->facts, "document", json_string(text_string(document)));
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    static const char *const verdicts[] = {"does not fit the story.", "fits the story."};
    struct story story = draw_story(synth, draw, side);
    const int n = synth_knob(synth, KNOB_VALUES);
    const bool verdict = draw_chance(draw, 0.5);
    const bool fits = !verdict || draw_chance(draw, 0.5);
    tell_all(synth, draw, &p->context, &story);
    if (p->item) note_factors(p, &story, &p->context); /* of the story alone: what its own words tell */
    if (!fits) story.closing[ENDING] = other_value(draw, story.values[ENDING], n);
    if (!verdict) {
        conclude(&p->answer, &story);
        if (p->item) offer_endings(synth, draw, &story, p);
        return;
    }
    text_add(&p->context, " ");
    conclude(&p->context, &story);
    text_add(&p->context, " The end");
    text_add(&p->answer, verdicts[fits]);
    if (!p->item) return;
    json_object_set_new(p->facts, "choices", json_pack("[s,s]", verdicts[0], verdicts[1]));
    json_object_set_new(p->facts, "gold", json_integer(fits));
    json_object_set_new(p->facts, "form", json_string("verdict"));
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    (void)output;
    metric_add(list, right, "acc@form=%s", item_text(item, "form"));
    if (*item_text(item, "factor")) metric_add(list, right, "acc@factor=%s", item_text(item, "factor"));
}

const struct synth_family family_stories = {
    .public = {"stories", "texts governed by hidden factors: continue them, or say whether the end fits", knobs,
               SYNTH_COUNT(knobs)},
    .choices = true,
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
