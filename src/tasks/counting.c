/* counting: how often a marked symbol stands in a long text, other symbols marked as well:
 *
 *     count: q c A k B w A e … A m = 3
 *
 * The first of the counted ones stands a set distance before the answer (by_distance.h), the others anywhere behind it; letters fill
 * the text. Counts are as frequent as each other. Chance is that of any count: who sees the end of a text alone does better, for many
 * there mean many in all. Difficulty: distance, count, marks.
 *
 * Source: Weiss, Goldberg and Yahav, "On the practical computational power of finite precision RNNs for language recognition",
 * arXiv 1805.04908, for counting as what recurrent states can do. */
#include <stdlib.h>

#include "base/error.h"
#include "tasks/by_distance.h"
#include "tasks/metric_list.h"

enum { KNOB_COUNT = KNOB_OWN, KNOB_MARKS };
enum { ASKING = 2 }; /* words of the question */

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(4, 2, 1),
    SYNTH_DISTANCES(4, 4, 10),
    {"count", "most that is counted", 2, 99, {5, 9, 9}, 1},
    {"marks", "symbols that are marked, the counted one included", 1, 26, {1, 1, 2}, 1},
};

/* Places are found by trying: a quarter of them stays free. */
static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    const int most = synth_knob(synth, KNOB_COUNT);
    const int marks = synth_knob(synth, KNOB_MARKS);
    const int room = synth_knob(synth, KNOB_DISTANCE) * synth_knob(synth, KNOB_WINDOW);
    PASS_UP(check_distances(synth, ASKING + most + most / 3, 1, error));
    if (most * marks <= room - room / 4) return LTM_OK;
    return fail(error, LTM_INVALID,
                "counting: %d marks of up to %d each are many for a text of %d words; make distance larger", marks,
                most, room);
}

/* Two digits, a blank that a tokenizer spells apart, and one more, so that an answer that goes on is seen. */
static int answer_words(const struct synth *synth) {
    (void)synth;
    return 4;
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    const int most = synth_knob(synth, KNOB_COUNT);
    const int marks = synth_knob(synth, KNOB_MARKS);
    struct words words;
    int count;
    words_begin(synth, draw, side, &words);
    do {
        words_clear(&words);
        const int body = words.length - ASKING;
        const int first = words.length - words.distance;
        const int mark = (int)draw_below(draw, (uint32_t)marks);
        count = draw_between(draw, 1, most);
        words.at[first] = words.at[body] = (char)('A' + mark);
        words.at[body + 1] = '=';
        for (int i = 1; i < count; i++) words_drop(draw, &words, first, body, (char)('A' + mark));
        for (int other = 0; other < marks; other++)
            for (int i = other == mark ? 0 : draw_between(draw, 0, most); i > 0; i--)
                words_drop(draw, &words, 0, body, (char)('A' + other));
        words_fill(synth, draw, &words, 'a');
    } while (words_other_side(synth, side, &words));
    text_add(&p->context, "count:");
    words_add(&p->context, words.at, words.length);
    text_print(&p->answer, "%d", count);
    if (!p->item) return;
    json_object_set_new(p->facts, "count", json_integer(count));
    json_object_set_new(p->facts, "factors", json_pack("{s:i}", "count", count));
    add_distance(synth, p->facts, &words, 1.0 / most);
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    const int count = item_integer(item, "count");
    char *end;
    const long answer = strtol(output, &end, 10);
    measure_distance(item, right, list);
    metric_add(list, right, "acc@count=%d", count);
    metric_add(list, end != output && answer >= count - 1 && answer <= count + 1, "within_one");
}

const struct synth_family family_counting = {
    .public = {"counting", "how often a marked symbol stands in a long text", knobs, SYNTH_COUNT(knobs)},
    .extract = "[0-9]+",
    .prepare = prepare,
    .problem = problem,
    .words = answer_words,
    .measure = measure,
};
