#include "tasks/by_distance.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "tasks/metric_list.h"

enum { ENOUGH = 10 }; /* texts expected on the smaller side: e^-10 is the chance that it has none */

static int farthest_test(const struct synth *synth) {
    return synth_knob(synth, synth_knob(synth, KNOB_FARTHER) ? KNOB_FARTHER : KNOB_DISTANCE);
}

ltm_status check_distances(const struct synth *synth, int needed, double texts, struct ltm_error *error) {
    const char *name = synth->family->public.name;
    const int nearest = synth_knob(synth, KNOB_NEAREST);
    const int distance = synth_knob(synth, KNOB_DISTANCE);
    const int farthest = farthest_test(synth);
    const int window = synth_knob(synth, KNOB_WINDOW);
    const double share = synth->knobs[KNOB_HELDOUT];
    texts *= pow(synth->knobs[KNOB_FILLERS], window);
    if (nearest > distance)
        return fail(error, LTM_INVALID, "%s: nearest = %d is more than distance = %d", name, nearest, distance);
    if (farthest < distance)
        return fail(error, LTM_INVALID, "%s: farther = %d is less than distance = %d, the maximum in training", name,
                    farthest, distance);
    if ((farthest + 1) * (double)window > WORDS_MOST)
        return fail(error, LTM_INVALID, "%s: a text of %d windows of %d words is longer than %d words", name,
                    farthest + 1, window, WORDS_MOST);
    if (nearest * window < needed)
        return fail(error, LTM_INVALID,
                    "%s: %d words stand between what is asked for and the answer, more than the nearest distance, "
                    "%d windows of %d; make nearest or window larger",
                    name, needed, nearest, window);
    if (texts * fmin(share, 1 - share) >= ENOUGH) return LTM_OK;
    return fail(error, LTM_INVALID,
                "%s: there are too few different texts to hold out a share of %g; make fillers larger", name, share);
}

void words_begin(const struct synth *synth, struct draw *draw, enum synth_side side, struct words *words) {
    const int nearest = synth_knob(synth, KNOB_NEAREST);
    const int trained = synth_knob(synth, KNOB_DISTANCE);
    const int most = side == SYNTH_TEST ? farthest_test(synth) : trained;
    int doublings = 0;
    while (nearest << (doublings + 1) <= most) doublings++;
    words->windows = nearest << draw_below(draw, (uint32_t)doublings + 1);
    words->distance = words->windows * synth_knob(synth, KNOB_WINDOW);
    words->length = ((words->windows > trained ? words->windows : trained) + 1) * synth_knob(synth, KNOB_WINDOW);
}

void words_clear(struct words *words) { memset(words->at, 0, (size_t)words->length); }

int words_drop(struct draw *draw, struct words *words, int from, int to, char word) {
    int place;
    do place = draw_between(draw, from, to - 1);
    while (words->at[place]);
    words->at[place] = word;
    return place;
}

void words_fill(const struct synth *synth, struct draw *draw, struct words *words, char first) {
    const uint32_t fillers = (uint32_t)synth_knob(synth, KNOB_FILLERS);
    for (int i = 0; i < words->length; i++)
        if (!words->at[i]) words->at[i] = (char)(first + (int)draw_below(draw, fillers));
}

bool words_other_side(const struct synth *synth, enum synth_side side, const struct words *words) {
    return words->windows <= synth_knob(synth, KNOB_DISTANCE) &&
           synth_held_out(synth, 0, words->at, (size_t)words->length, synth->knobs[KNOB_HELDOUT]) !=
               (side == SYNTH_TEST);
}

void words_add(struct text *text, const char *from, int count) {
    for (int i = 0; i < count; i++) text_add(text, (char[]){text->bytes ? ' ' : from[i], text->bytes ? from[i] : 0, 0});
}

void add_distance(const struct synth *synth, json_t *facts, const struct words *words, double chance) {
    const bool trained = words->windows <= synth_knob(synth, KNOB_DISTANCE);
    json_object_set_new(facts, "distance", json_integer(words->distance));
    json_object_set_new(facts, "range", json_string(trained ? "trained" : "farther"));
    json_object_set_new(facts, "chance", json_real(chance));
    json_object_set_new(facts, "optimum", json_integer(1));
}

void measure_distance(const json_t *item, bool right, struct metric_list *list) {
    metric_add(list, right, "acc@range=%s", item_text(item, "range"));
    metric_add(list, right, "acc@distance=%d", item_integer(item, "distance"));
    metric_add(list, json_number_value(json_object_get(item, "chance")), "chance");
    metric_add(list, json_number_value(json_object_get(item, "optimum")), "optimum");
}
