/* constraints: dispatch a demand over units with limits and costs, at the least cost (dispatch.h):
 *
 *     A 2 to 9 at 5, B 0 to 6 at 3, C 1 to 8 at 7, A + B to 10, demand 13: A 4, B 6, C 3
 *
 * Scored by the share of constraints met, all of them met, and where all are the cost's gap to the exact optimum; beside what a
 * random dispatch (each unit anywhere within its limits) and a proportional one (without a look at lines) would get on
 * the same items. Held out: problems, whole. Difficulty: units, their size, lines.
 *
 * Source: after arXiv 2603.23004 (optimal power flow: language models stay at 55 to 60 % of constraints met); merit order. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tasks/dispatch.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { KNOB_UNITS = KNOB_PROBLEMS + 1, KNOB_LARGEST, KNOB_LINES, KNOB_HELDOUT };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(4, 3, 2),
    {"units", "units", 2, DISPATCH_UNITS, {3, 4, 6}, 1},
    {"largest", "largest limit of a unit", 4, 1000, {9, 20, 50}, 1},
    {"lines", "lines shared by two or three units", 0, DISPATCH_LINES, {0, 1, 2}, 1},
    {"heldout", "share of problems that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0},
};

static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    const int units = synth_knob(synth, KNOB_UNITS);
    const int lines = synth_knob(synth, KNOB_LINES);
    if (2 * lines <= units) return LTM_OK;
    return fail(error, LTM_INVALID, "constraints: %d lines need %d units or more, not %d", lines, 2 * lines, units);
}

/* Feasible, because the demand and the lines are drawn around a dispatch that is; costs differ, so that one is best. */
static void draw_dispatch(const struct synth *synth, struct draw *draw, struct dispatch *d) {
    const int n = synth_knob(synth, KNOB_UNITS);
    const int most = synth_knob(synth, KNOB_LARGEST);
    int costs[2 * DISPATCH_UNITS];
    int order[DISPATCH_UNITS];
    int x[DISPATCH_UNITS];
    int use;
    memset(d, 0, sizeof *d); /* the whole of it is a key */
    d->units = n, d->lines = synth_knob(synth, KNOB_LINES);
    for (int i = 0; i < 2 * n; i++) costs[i] = i + 1;
    for (int i = 0; i < n; i++) order[i] = i;
    draw_shuffle(draw, costs, 2 * n);
    draw_shuffle(draw, order, n);
    for (int i = 0; i < n; i++) {
        d->least[i] = draw_between(draw, 0, most / 3);
        d->most[i] = draw_between(draw, d->least[i] + 1, most);
        d->cost[i] = costs[i];
        d->line[i] = -1;
        x[i] = draw_between(draw, d->least[i], d->most[i]);
        d->demand += x[i];
    }
    for (int l = 0, at = 0; l < d->lines; l++) {
        const int spare = n - at - 2 * (d->lines - l);
        const int size = spare > 0 ? draw_between(draw, 2, 3) : 2;
        use = 0;
        for (int i = 0; i < size; i++, at++) {
            d->line[order[at]] = l;
            use += x[order[at]];
        }
        d->limit[l] = use + draw_between(draw, 0, most / 4);
    }
}

static void put_problem(const struct dispatch *d, struct text *text) {
    for (int i = 0; i < d->units; i++)
        text_print(text, "%s%c %d to %d at %d", i ? ", " : "", 'A' + i, d->least[i], d->most[i], d->cost[i]);
    for (int l = 0; l < d->lines; l++) {
        const char *join = ", ";
        for (int i = 0; i < d->units; i++)
            if (d->line[i] == l) {
                text_print(text, "%s%c", join, 'A' + i);
                join = " + ";
            }
        text_print(text, " to %d", d->limit[l]);
    }
    text_print(text, ", demand %d:", d->demand);
}

static json_t *array_of(const int *values, int n) {
    json_t *array = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(array, json_integer(values[i]));
    return array;
}

static void read_array(const json_t *item, const char *key, int *values, int n) {
    const json_t *array = json_object_get(item, key);
    for (int i = 0; i < n; i++) values[i] = item_number(json_array_get(array, (size_t)i));
}

static void note(const struct dispatch *d, const int *x, struct draw *draw, struct synth_problem *p) {
    int proportional[DISPATCH_UNITS];
    int random[DISPATCH_UNITS];
    dispatch_proportional(d, proportional);
    for (int i = 0; i < d->units; i++) random[i] = draw_between(draw, d->least[i], d->most[i]);
    json_object_set_new(p->facts, "least", array_of(d->least, d->units));
    json_object_set_new(p->facts, "most", array_of(d->most, d->units));
    json_object_set_new(p->facts, "cost", array_of(d->cost, d->units));
    json_object_set_new(p->facts, "line", array_of(d->line, d->units));
    json_object_set_new(p->facts, "limit", array_of(d->limit, d->lines));
    json_object_set_new(p->facts, "demand", json_integer(d->demand));
    json_object_set_new(p->facts, "optimum", array_of(x, d->units));
    json_object_set_new(p->facts, "random", array_of(random, d->units));
    json_object_set_new(p->facts, "proportional", array_of(proportional, d->units));
    json_object_set_new(p->facts, "factors",
                        json_pack("{s:f,s:f}", "demand", (double)d->demand, "cost", (double)dispatch_cost(d, x)));
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    struct dispatch d;
    int x[DISPATCH_UNITS] = {0};
    do draw_dispatch(synth, draw, &d);
    while (!dispatch_optimum(&d, x) ||
           synth_held_out(synth, 0, &d, sizeof d, synth->knobs[KNOB_HELDOUT]) != (side == SYNTH_TEST));
    put_problem(&d, &p->context);
    for (int i = 0; i < d.units; i++) text_print(&p->answer, "%s%c %d", i ? ", " : "", 'A' + i, x[i]);
    if (p->item) note(&d, x, draw, p);
}

/* "A 4, B 6": the number behind each unit's letter; false where one is missing. */
static bool read_output(const char *output, int *x, int units) {
    for (int i = 0; i < units; i++) {
        const char *at = output;
        char *end = NULL;
        while ((at = strchr(at, 'A' + i)) && at[1] != ' ') at++;
        const long value = at ? strtol(at + 1, &end, 10) : 0;
        if (!at || end == at + 1 || value < -1000000 || value > 1000000) return false;
        x[i] = (int)value;
    }
    return true;
}

/* One dispatch: the share met, all of them, and where all are the gap to the optimum. NULL: no dispatch, nothing is met. */
static void score(const struct dispatch *d, const int *x, const int *optimum, const char *of,
                  struct metric_list *list) {
    const int met = x ? dispatch_met(d, x) : 0;
    const int all = dispatch_constraints(d);
    const double best = (double)dispatch_cost(d, optimum);
    metric_add(list, (double)met / all, "met%s", of);
    metric_add(list, met == all, "all_met%s", of);
    if (x && met == all && best > 0) metric_add(list, (double)dispatch_cost(d, x) / best - 1, "gap%s", of);
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    (void)right;
    struct dispatch d = {.demand = item_integer(item, "demand")};
    int x[DISPATCH_UNITS];
    int optimum[DISPATCH_UNITS];
    int other[DISPATCH_UNITS];
    const size_t units = json_array_size(json_object_get(item, "cost"));
    const size_t lines = json_array_size(json_object_get(item, "limit"));
    if (units < 1 || units > DISPATCH_UNITS || lines > DISPATCH_LINES) return;
    d.units = (int)units;
    d.lines = (int)lines;
    read_array(item, "least", d.least, d.units);
    read_array(item, "most", d.most, d.units);
    read_array(item, "cost", d.cost, d.units);
    read_array(item, "line", d.line, d.units);
    read_array(item, "limit", d.limit, d.lines);
    read_array(item, "optimum", optimum, d.units);
    const bool read = read_output(output, x, d.units);
    metric_add(list, read, "is_dispatch");
    score(&d, read ? x : NULL, optimum, "", list);
    read_array(item, "random", other, d.units);
    score(&d, other, optimum, "@baseline=random", list);
    read_array(item, "proportional", other, d.units);
    score(&d, other, optimum, "@baseline=proportional", list);
}

const struct synth_family family_constraints = {
    .public = {"constraints", "dispatch a demand over units with limits, costs and shared lines", knobs,
               SYNTH_COUNT(knobs)},
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
