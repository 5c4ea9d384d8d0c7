/* recall, last-mention: keys with values stand far back in a text, and at its end some of them are asked for:
 *
 *     recall: 3 1 B k 0 A f 7 2 C c … 5 C = c A = f           each key stands once; C and the others are distractors
 *     mention: A f 3 B k A c 0 … B b 1 B = b A = c             keys stand again and again: the last value counts
 *
 * The value that the last question asks for begins a set distance before its answer (by_distance.h); the questions before it, which
 * are lessons too, ask for keys anywhere, and so do the "lessons" within the text, but never for the last one's key. With sign=0
 * the key alone asks ("C c A f"), as it stands where it gets its value. Digits fill the text. With more words to a value what is asked for
 * is a passage.
 *
 * An item has "others": of recall the values of the other keys, of last-mention the key's earlier values, so that a wrong answer
 * tells whether a value was kept but not its key, or not that it came last. Difficulty: distance, pairs, values, keys.
 *
 * Source: Graves, Wayne and Danihelka, "Neural Turing machines", arXiv 1410.5401, for associative recall; Arora et al., "Zoology",
 * arXiv 2312.04927, for several questions a text (MQAR); Hsieh et al., "RULER", arXiv 2404.06654, for distance and for variables that
 * are assigned again. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "tasks/by_distance.h"
#include "tasks/metric_list.h"

enum { KEYS = 26, VALUE = 64 };
enum { KNOB_PAIRS = KNOB_OWN, KNOB_WORDS, KNOB_VALUES, KNOB_QUESTIONS, KNOB_KEYS, KNOB_LESSONS, KNOB_SIGN };

#define OWN(pairs, most, one, two, three, keys, keys1, keys2, keys3)                                                 \
    {"pairs", pairs, 2, most, {one, two, three}, 1},                                                                 \
        {"words", "words of a value; more than one make a passage", 1, VALUE, {1, 1, 1}, 1},                         \
        {"values", "letters that values are made of", 2, 26, {8, 16, 26}, 1},                                        \
        {"questions", "questions at the end of a text; the last one is scored", 1, 16, {4, 4, 4}, 1},                \
        {"keys", keys, 2, KEYS, {keys1, keys2, keys3}, 1},                                                           \
        {"lessons", "questions about the other keys within the text, where there is room", 0, 4096, {0, 0, 0}, 1}, { \
        "sign", "1: = stands between a question and its answer; 0: the key alone asks", 0, 1, {1, 1, 1}, 1           \
    }

static const struct ltm_synth_knob recall_knobs[] = {
    SYNTH_PROBLEMS(4, 2, 1),
    SYNTH_DISTANCES(1, 4, 10),
    OWN("keys with a value in a text", KEYS, 4, 8, 16, "letters that keys are drawn from", KEYS, KEYS, KEYS),
};

static const struct ltm_synth_knob mention_knobs[] = {
    SYNTH_PROBLEMS(4, 2, 1),
    SYNTH_DISTANCES(1, 4, 10),
    OWN("values given in a text", 4096, 12, 32, 64, "keys there are", 4, 8, 16),
};

static bool is_recall(const struct synth *synth) { return synth->family == &family_recall; }

/* A key and its value; a question and its answer have a sign between them. */
static int pair_words(const struct synth *synth) { return 1 + synth_knob(synth, KNOB_WORDS); }
static int question_words(const struct synth *synth) { return pair_words(synth) + synth_knob(synth, KNOB_SIGN); }
static int asking_words(const struct synth *synth) {
    return synth_knob(synth, KNOB_QUESTIONS) * question_words(synth) - synth_knob(synth, KNOB_WORDS);
}

static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    const int pairs = synth_knob(synth, KNOB_PAIRS);
    const int keys = is_recall(synth) ? pairs : synth_knob(synth, KNOB_KEYS);
    const int questions = synth_knob(synth, KNOB_QUESTIONS);
    const int room = (synth_knob(synth, KNOB_DISTANCE) + 1) * synth_knob(synth, KNOB_WINDOW) - asking_words(synth) -
                     pair_words(synth);
    const double texts = pow(synth->knobs[KNOB_VALUES], pairs * synth_knob(synth, KNOB_WORDS));
    PASS_UP(check_distances(synth, asking_words(synth) + synth_knob(synth, KNOB_WORDS), texts, error));
    if (is_recall(synth) && pairs > synth_knob(synth, KNOB_KEYS))
        return fail(error, LTM_INVALID, "recall: pairs = %d is more than keys = %d, but each pair has a key of its own",
                    pairs, synth_knob(synth, KNOB_KEYS));
    if (questions > keys)
        return fail(error, LTM_INVALID, "%s: questions = %d is more than the %d keys", synth->family->public.name,
                    questions, keys);
    if (pairs * pair_words(synth) <= room) return LTM_OK;
    return fail(error, LTM_INVALID,
                "%s: pairs = %d do not fit into the %d words that a text has for them; make distance or window larger",
                synth->family->public.name, pairs, room);
}

/* What a text says: places of pairs, in order, and the keys there. */
struct pairs {
    int count;
    int at[WORDS_MOST / 2];
};

static const char *value_at(const struct words *words, int pair) { return words->at + pair + 1; }

/* Places that pairs may take lie a whole number of pairs from the asked one; `asked` is where that one lies. */
static void draw_places(struct draw *draw, struct pairs *pairs, int count, int width, int asked, int body) {
    const int first = asked % width;
    const int places = (body - first) / width;
    const int own = asked / width;
    bool taken[WORDS_MOST / 2] = {false};
    taken[own] = true;
    for (int i = 1; i < count; i++) {
        int place;
        do place = (int)draw_below(draw, (uint32_t)places);
        while (taken[place]);
        taken[place] = true;
    }
    pairs->count = 0;
    for (int i = 0; i < places; i++)
        if (taken[i]) pairs->at[pairs->count++] = first + i * width;
}

/* Where a key stands last before `end`, -1 where it does not. */
static int last_of(const struct words *words, const struct pairs *pairs, char key, int end) {
    for (int i = pairs->count - 1; i >= 0; i--)
        if (pairs->at[i] < end && words->at[pairs->at[i]] == key) return pairs->at[i];
    return -1;
}

/* keys[0] is the one asked for; of recall every pair has one of its own, of last-mention any, but not keys[0] behind `asked`. */
static void put_pairs(const struct synth *synth, struct draw *draw, struct words *words, const struct pairs *pairs,
                      const int *keys, int asked) {
    const uint32_t several = is_recall(synth) ? 0 : (uint32_t)synth_knob(synth, KNOB_KEYS);
    int next = 1;
    for (int i = 0; i < pairs->count; i++) {
        const int at = pairs->at[i];
        const int key = at == asked  ? 0
                        : !several   ? next++
                        : at < asked ? (int)draw_below(draw, several)
                                     : 1 + (int)draw_below(draw, several - 1);
        words->at[at] = (char)('A' + keys[key]);
        for (int k = 1; k < pair_words(synth); k++)
            words->at[at + k] = (char)('a' + (int)draw_below(draw, (uint32_t)synth->knobs[KNOB_VALUES]));
    }
}

/* Keys other than keys[0] that stand before `end`, in an order that is drawn. */
static int other_keys(char *others, const struct synth *synth, struct draw *draw, const struct words *words,
                      const struct pairs *pairs, const int *keys, int end) {
    int found[KEYS];
    int count = 0;
    for (int k = 1; k < synth_knob(synth, KNOB_KEYS); k++)
        if (last_of(words, pairs, (char)('A' + keys[k]), end) >= 0) found[count++] = 'A' + keys[k];
    draw_shuffle(draw, found, count);
    for (int i = 0; i < count; i++) others[i] = (char)found[i];
    return count;
}

/* At `at`: a key, and its value there with it. */
static void put_question(const struct synth *synth, struct words *words, const struct pairs *pairs, char key, int at) {
    const int sign = synth_knob(synth, KNOB_SIGN);
    words->at[at] = key;
    if (sign) words->at[at + 1] = '=';
    memcpy(words->at + at + 1 + sign, value_at(words, last_of(words, pairs, key, at)),
           (size_t)synth_knob(synth, KNOB_WORDS));
}

/* Questions with their answers, about different keys that stand in the text, and the last one without; false where no other key does. */
static bool put_questions(const struct synth *synth, struct draw *draw, struct words *words, const struct pairs *pairs,
                          const int *keys, int body) {
    char others[KEYS];
    const int count = other_keys(others, synth, draw, words, pairs, keys, body);
    int at = body;
    if (!count) return false;
    for (int i = 1; i < synth_knob(synth, KNOB_QUESTIONS); i++) {
        put_question(synth, words, pairs, others[(i - 1) % count], at); /* again, where few keys happen to stand */
        at += question_words(synth);
    }
    words->at[at] = (char)('A' + keys[0]);
    if (synth_knob(synth, KNOB_SIGN)) words->at[at + 1] = '=';
    return true;
}

/* Questions within the text: where a drawn place is free and a key stands before it. */
static void put_lessons(const struct synth *synth, struct draw *draw, struct words *words, const struct pairs *pairs,
                        const int *keys, int body) {
    const int width = question_words(synth);
    char others[KEYS];
    int left = synth_knob(synth, KNOB_LESSONS);
    for (int tries = 8 * left; left && tries; tries--) {
        const int at = draw_between(draw, 0, body - width);
        int free = 0;
        while (free < width && !words->at[at + free]) free++;
        if (free < width || !other_keys(others, synth, draw, words, pairs, keys, at)) continue;
        put_question(synth, words, pairs, others[0], at);
        left--;
    }
}

/* Values that a wrong answer may have taken for the right one. */
static void note_others(const struct synth *synth, const struct words *words, const struct pairs *pairs, int asked,
                        json_t *facts) {
    const int own = synth_knob(synth, KNOB_WORDS);
    json_t *others = json_array();
    struct text value = {0};
    for (int i = 0; i < pairs->count; i++) {
        const int at = pairs->at[i];
        if ((!is_recall(synth) && words->at[at] != words->at[asked]) ||
            memcmp(value_at(words, at), value_at(words, asked), (size_t)own) == 0)
            continue;
        text_clear(&value);
        words_add(&value, value_at(words, at), own);
        json_array_append_new(others, json_string(text_string(&value)));
    }
    text_free(&value);
    json_object_set_new(facts, "others", others);
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    const int own = synth_knob(synth, KNOB_WORDS);
    int keys[KEYS];
    struct words words;
    struct pairs pairs;
    int asked;
    bool whole;
    words_begin(synth, draw, side, &words);
    do {
        words_clear(&words);
        const int body = words.length - asking_words(synth);
        asked = words.length - words.distance - 1;
        for (int k = 0; k < KEYS; k++) keys[k] = k;
        draw_shuffle(draw, keys, synth_knob(synth, KNOB_KEYS));
        draw_places(draw, &pairs, synth_knob(synth, KNOB_PAIRS), pair_words(synth), asked, body);
        put_pairs(synth, draw, &words, &pairs, keys, asked);
        whole = put_questions(synth, draw, &words, &pairs, keys, body);
        put_lessons(synth, draw, &words, &pairs, keys, body);
        words_fill(synth, draw, &words, '0');
    } while (!whole || words_other_side(synth, side, &words));
    text_add(&p->context, is_recall(synth) ? "recall:" : "mention:");
    words_add(&p->context, words.at, words.length);
    words_add(&p->answer, value_at(&words, asked), own);
    if (!p->item) return;
    json_object_set_new(p->facts, "factors", json_pack("{s:s#}", "first", value_at(&words, asked), 1));
    note_others(synth, &words, &pairs, asked, p->facts);
    add_distance(synth, p->facts, &words, pow(synth->knobs[KNOB_VALUES], -own));
}

/* By a tokenizer that spells a blank apart, and one more than there are, so that an answer that goes on is seen. */
static int answer_words(const struct synth *synth) { return 2 * synth_knob(synth, KNOB_WORDS) + 1; }

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    const json_t *others = json_object_get(item, "others");
    bool other = false;
    output += strspn(output, " ");
    for (size_t i = 0; i < json_array_size(others); i++) {
        const char *value = json_string_value(json_array_get(others, i));
        const size_t bytes = value ? strlen(value) : 0;
        other = other || (value && strncmp(output, value, bytes) == 0 && strchr(" \n", output[bytes]));
    }
    measure_distance(item, right, list);
    if (json_array_size(others)) metric_add(list, other, "answers_other");
}

#define VALUE_WORDS "([a-z]( [a-z])*)"

const struct synth_family family_recall = {
    .public = {"recall", "the value of a key, or a passage, from a set distance back", recall_knobs,
               SYNTH_COUNT(recall_knobs)},
    .extract = VALUE_WORDS,
    .prepare = prepare,
    .problem = problem,
    .words = answer_words,
    .measure = measure,
};

const struct synth_family family_last_mention = {
    .public = {"last-mention", "the last of the values that a key was given, a set distance back", mention_knobs,
               SYNTH_COUNT(mention_knobs)},
    .extract = VALUE_WORDS,
    .prepare = prepare,
    .problem = problem,
    .words = answer_words,
    .measure = measure,
};
