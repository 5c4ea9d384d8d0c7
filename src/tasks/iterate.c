/* iterate: the answer after k steps of an iteration on a small integer problem, to two decimals:
 *
 *     newton: x^2 + 3x - 7 from 9, 2 steps = 2.13
 *     bisection: x^2 + 2x - 9 on 0 to 8, 3 steps = 2.50        x0 is the middle of the interval
 *     descent: 2x^2 - 8x from 10, rate 0.1, 2 steps = 4.88
 *
 * An item records every iterate x0 … xk and the solution x*, all of them different as printed, so that the one an output is
 * nearest to tells whether a model iterates (xk), stops short (an earlier one) or guesses where it leads (x*). Which of them an output is,
 * to the cent, or none ("answers=x0" … "answers=solution", "answers=none"), tells a number that was computed from one that only has the
 * form of an answer, a template.
 *
 * Held out: problems (method, coefficients, start), for every k. Difficulty: steps, size of the coefficients, and whether the
 * training texts and answers show the iterates on the way (show).
 *
 * Source: textbook methods (Press et al., "Numerical Recipes", chapters 9 and 10); iterating against guessing as in Saunshi et al.,
 * "Reasoning with latent thoughts", arXiv 2502.17416, who ask how depth is used. */
#include <math.h>
#include <stdlib.h>

#include "tasks/iterate.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { KNOB_STEPS = KNOB_PROBLEMS + 1, KNOB_LARGEST, KNOB_SHOW, KNOB_HELDOUT };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(4, 4, 3),
    {"steps", "most steps (k)", 1, ITERATE_STEPS, {2, 3, 5}, 1},
    {"largest", "largest coefficient and start", 4, 100, {9, 9, 30}, 1},
    {"show", "1: answers show the iterates on the way", 0, 1, {0, 0, 0}, 1},
    {"heldout", "share of problems that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0},
};

#define CENT 0.01 /* what answers are rounded to */

static const char *const names[ITERATE_METHODS] = {"bisection", "newton", "descent"};

static double value_at(const struct iteration *it, double x) { return (it->a * x + it->b) * x - it->c; }
static double slope_at(const struct iteration *it, double x) { return 2 * it->a * x + it->b; }

double iterate_solution(const struct iteration *it) {
    if (it->method == ITERATE_DESCENT) return -it->b / (2.0 * it->a);
    return (-it->b + sqrt((double)it->b * it->b + 4.0 * it->a * it->c)) / (2.0 * it->a);
}

void iterate_run(const struct iteration *it, int steps, double *x) {
    double low = it->from;
    double high = it->to;
    x[0] = it->method == ITERATE_BISECTION ? (low + high) / 2 : it->from;
    for (int i = 0; i < steps; i++) {
        switch (it->method) {
        case ITERATE_BISECTION:
            if (value_at(it, x[i]) < 0)
                low = x[i];
            else
                high = x[i];
            x[i + 1] = (low + high) / 2;
            break;
        case ITERATE_NEWTON:
            x[i + 1] = x[i] - value_at(it, x[i]) / slope_at(it, x[i]);
            break;
        default:
            x[i + 1] = x[i] - ITERATE_RATE * slope_at(it, x[i]);
        }
    }
}

/* -0.00 is 0.00 */
static double rounded(double x) {
    const double cents = round(x * 100);
    return cents == 0 ? 0 : cents / 100;
}

/* Two numbers that look alike, or nearly so, would make "nearest" a matter of rounding. */
static bool all_differ(const double *x, int steps, double solution) {
    for (int i = 0; i <= steps; i++) {
        if (fabs(rounded(x[i]) - rounded(solution)) < 0.025) return false;
        for (int j = 0; j < i; j++)
            if (fabs(rounded(x[i]) - rounded(x[j])) < 0.025) return false;
    }
    return true;
}

static void draw_problem(const struct synth *synth, struct draw *draw, struct iteration *it) {
    const int most = synth_knob(synth, KNOB_LARGEST);
    *it = (struct iteration){.method = (int)draw_below(draw, ITERATE_METHODS), .a = 1};
    it->b = draw_between(draw, -most, most);
    if (it->method == ITERATE_DESCENT) {
        it->a = draw_between(draw, 1, 4); /* the rate then shrinks the distance to 0.8 … 0.2 of what it was */
        it->from = draw_between(draw, -most, most);
        return;
    }
    it->c = draw_between(draw, 1, most); /* f(0) < 0: one positive root */
    const int beyond = (int)ceil(iterate_solution(it));
    it->from = beyond + draw_between(draw, 1, most);
    if (it->method == ITERATE_NEWTON) return;
    it->to = beyond + draw_between(draw, 0, most);
    it->from = draw_between(draw, 0, beyond - 1);
}

static bool is_held_out(const struct synth *synth, const struct iteration *it) {
    return synth_held_out(synth, 0, it, sizeof *it, synth->knobs[KNOB_HELDOUT]);
}

static void put_term(struct text *text, int factor, const char *power) {
    if (!factor) return;
    text_add(text, factor < 0 ? " - " : " + ");
    if (abs(factor) != 1 || !*power) text_print(text, "%d", abs(factor));
    text_add(text, power);
}

static void put_question(const struct iteration *it, int steps, struct text *text) {
    text_print(text, "%s: ", names[it->method]);
    if (it->a != 1) text_print(text, "%d", it->a);
    text_add(text, "x^2");
    put_term(text, it->b, "x");
    put_term(text, -it->c, "");
    if (it->method == ITERATE_BISECTION)
        text_print(text, " on %d to %d", it->from, it->to);
    else
        text_print(text, " from %d", it->from);
    if (it->method == ITERATE_DESCENT) text_print(text, ", rate %g", ITERATE_RATE);
    text_print(text, ", %d step%s =", steps, steps > 1 ? "s" : "");
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    struct iteration it;
    double x[ITERATE_STEPS + 1];
    int steps;
    do {
        draw_problem(synth, draw, &it);
        steps = draw_between(draw, 1, synth_knob(synth, KNOB_STEPS));
        iterate_run(&it, steps, x);
    } while (!all_differ(x, steps, iterate_solution(&it)) || is_held_out(synth, &it) != (side == SYNTH_TEST));
    put_question(&it, steps, &p->context);
    for (int i = synth_knob(synth, KNOB_SHOW) ? 0 : steps; i <= steps; i++)
        text_print(&p->answer, "%s%.2f", p->answer.bytes ? " " : "", rounded(x[i]));
    if (!p->item) return;
    json_t *iterates = json_array();
    for (int i = 0; i <= steps; i++) json_array_append_new(iterates, json_real(rounded(x[i])));
    json_object_set_new(p->facts, "method", json_string(names[it.method]));
    json_object_set_new(p->facts, "steps", json_integer(steps));
    json_object_set_new(p->facts, "iterates", iterates);
    json_object_set_new(p->facts, "solution", json_real(rounded(iterate_solution(&it))));
    json_object_set_new(p->facts, "factors",
                        json_pack("{s:s,s:f,s:f,s:f}", "method", names[it.method], "start", x[0], "answer", x[steps],
                                  "solution", iterate_solution(&it)));
}

/* The last number of a text; false when there is none. */
static bool last_number(const char *text, double *number) {
    bool found = false;
    while (*text) {
        char *end;
        const bool begins = (*text >= '0' && *text <= '9') || *text == '-';
        const double value = begins ? strtod(text, &end) : 0;
        if (begins && end != text) {
            *number = value;
            found = true;
            text = end;
        } else
            text++;
    }
    return found;
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    const json_t *iterates = json_object_get(item, "iterates");
    const int steps = item_integer(item, "steps");
    const double solution = json_real_value(json_object_get(item, "solution"));
    double number = 0;
    const bool has = last_number(output, &number);
    int nearest = steps + 1; /* x* */
    double distance = fabs(number - solution);
    for (int i = 0; i <= steps && i < (int)json_array_size(iterates); i++) {
        const double from = fabs(number - json_real_value(json_array_get(iterates, (size_t)i)));
        if (from < distance) nearest = i, distance = from;
    }
    metric_add(list, right, "acc@steps=%d", steps);
    metric_add(list, right, "acc@method=%s", item_text(item, "method"));
    metric_add(list, has, "is_number");
    metric_add(list, has && nearest == steps, "nearest_is_xk");
    metric_add(list, has && nearest == 0, "nearest_is_x0");
    if (steps > 1) metric_add(list, has && nearest > 0 && nearest < steps, "nearest_is_between");
    metric_add(list, has && nearest == steps + 1, "nearest_is_solution");
    const bool exact = has && distance < CENT / 2;
    for (int i = 0; i <= steps && i < (int)json_array_size(iterates); i++)
        metric_add(list, exact && nearest == i, "answers=x%d", i);
    metric_add(list, exact && nearest == steps + 1, "answers=solution");
    metric_add(list, has && !exact, "answers=none");
}

const struct synth_family family_iterate = {
    .public = {"iterate", "the number after k steps of bisection, Newton or gradient descent", knobs,
               SYNTH_COUNT(knobs)},
    .extract = "-?[0-9]+[.][0-9]+",
    .last = true,
    .problem = problem,
    .measure = measure,
};
