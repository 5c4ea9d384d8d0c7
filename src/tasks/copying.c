/* copying: selective copying. Letters stand among digits, far apart, and are to be said again in order:
 *
 *     copy: 4 1 c 0 7 a 2 … b 9 = c a b
 *
 * The first letter stands a set distance before its copy (by_distance.h), the others anywhere behind it. "letters" is the share of the
 * letters that are right in their place, of which chance is 1 / symbols. Difficulty: distance, letters, symbols.
 *
 * Source: Arjovsky, Shah and Bengio, "Unitary evolution recurrent neural networks", arXiv 1511.06464, for copying; Gu and Dao, "Mamba",
 * arXiv 2312.00752, for what is to be passed over between. */
#include <math.h>

#include "tasks/by_distance.h"
#include "tasks/metric_list.h"

enum { KNOB_LETTERS = KNOB_OWN, KNOB_SYMBOLS };
enum { ASKING = 1 }; /* words of the question */

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(4, 2, 1),
    SYNTH_DISTANCES(1, 4, 10),
    {"letters", "letters to copy", 1, 256, {4, 6, 8}, 1},
    {"symbols", "letters there are", 2, 26, {8, 16, 26}, 1},
};

/* Places are found by trying: a quarter of them stays free. */
static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    const int letters = synth_knob(synth, KNOB_LETTERS);
    return check_distances(synth, ASKING + letters + letters / 3, pow(synth->knobs[KNOB_SYMBOLS], letters), error);
}

/* By a tokenizer that spells a blank apart, and one more than there are, so that an answer that goes on is seen. */
static int answer_words(const struct synth *synth) { return 2 * synth_knob(synth, KNOB_LETTERS) + 1; }

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    const int letters = synth_knob(synth, KNOB_LETTERS);
    const uint32_t symbols = (uint32_t)synth_knob(synth, KNOB_SYMBOLS);
    struct words words;
    int first;
    words_begin(synth, draw, side, &words);
    do {
        words_clear(&words);
        const int body = words.length - ASKING;
        first = words.length - words.distance;
        words.at[body] = '=';
        words.at[first] = (char)('a' + (int)draw_below(draw, symbols));
        for (int i = 1; i < letters; i++)
            words_drop(draw, &words, first, body, (char)('a' + (int)draw_below(draw, symbols)));
        words_fill(synth, draw, &words, '0');
    } while (words_other_side(synth, side, &words));
    text_add(&p->context, "copy:");
    words_add(&p->context, words.at, words.length);
    for (int i = first; i < words.length; i++)
        if (words.at[i] >= 'a') words_add(&p->answer, words.at + i, 1);
    if (!p->item) return;
    json_object_set_new(p->facts, "factors", json_pack("{s:s#}", "first", words.at + first, 1));
    add_distance(synth, p->facts, &words, pow(symbols, -letters));
}

/* Of the answer's letters, those that the output has in the same place. */
static double letters_right(const char *answer, const char *output) {
    int right = 0;
    int count = 0;
    for (; *answer; answer++) {
        if (*answer == ' ') continue;
        while (*output == ' ') output++;
        right += *output == *answer;
        output += *output != 0;
        count++;
    }
    return count ? (double)right / count : 0;
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    measure_distance(item, right, list);
    metric_add(list, letters_right(item_text(item, "answer"), output), "letters");
}

const struct synth_family family_copying = {
    .public = {"copying", "letters that stand far apart among digits, said again in order", knobs, SYNTH_COUNT(knobs)},
    .prepare = prepare,
    .problem = problem,
    .words = answer_words,
    .measure = measure,
};
