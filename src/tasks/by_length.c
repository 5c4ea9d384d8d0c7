#include "tasks/by_length.h"

#include <math.h>

#include "base/error.h"
#include "tasks/metric_list.h"

enum { ENOUGH = 10 }; /* problems expected on the smaller side: e^-10 is the chance that it has none */

static int longest_test(const struct synth *synth) {
    const int longer = synth_knob(synth, KNOB_LONGER);
    const int most = (int)synth->family->public.knobs[KNOB_LONGER].most;
    const int twice = 2 * synth_knob(synth, KNOB_LENGTH);
    return longer ? longer : twice < most ? twice : most;
}

ltm_status check_lengths(const struct synth *synth, double problems, struct ltm_error *error) {
    const char *name = synth->family->public.name;
    const int fewest = synth_knob(synth, KNOB_FEWEST);
    const int length = synth_knob(synth, KNOB_LENGTH);
    const int longer = longest_test(synth);
    const double share = synth->knobs[KNOB_HELDOUT];
    if (fewest > length)
        return fail(error, LTM_INVALID, "%s: fewest = %d is more than length = %d", name, fewest, length);
    if (length > longer)
        return fail(error, LTM_INVALID, "%s: longer = %d is less than length = %d, the maximum in training", name,
                    longer, length);
    if (problems * fmin(share, 1 - share) >= ENOUGH) return LTM_OK;
    return fail(error, LTM_INVALID,
                "%s: at length = %d there are %g problems, too few to hold out a share of %g; raise the length", name,
                length, problems, share);
}

/* Of short problems there are few, perhaps none on this side. */
void draw_length(const struct synth *synth, struct draw *draw, enum synth_side side, int tries, int *length) {
    if (tries % 1000 == 0)
        *length = draw_between(draw, synth_knob(synth, KNOB_FEWEST),
                               side == SYNTH_TEST ? longest_test(synth) : synth_knob(synth, KNOB_LENGTH));
}

bool other_side(const struct synth *synth, enum synth_side side, int length, const void *key, size_t bytes) {
    return length <= synth_knob(synth, KNOB_LENGTH) &&
           synth_held_out(synth, 0, key, bytes, synth->knobs[KNOB_HELDOUT]) != (side == SYNTH_TEST);
}

void add_length(json_t *facts, int length, int trained, double chance) {
    json_object_set_new(facts, "length", json_integer(length));
    json_object_set_new(facts, "range", json_string(length <= trained ? "trained" : "longer"));
    json_object_set_new(facts, "chance", json_real(chance));
}

void measure_length(const json_t *item, bool right, struct metric_list *list) {
    metric_add(list, right, "acc@range=%s", item_text(item, "range"));
    metric_add(list, right, "acc@length=%d", item_integer(item, "length"));
    metric_add(list, json_real_value(json_object_get(item, "chance")), "chance");
}
