/* Constraints: merit order against a search through all dispatches; scores of outputs. */
#include "tasks/dispatch.h"
#include "tasks/synth_unit.h"

/* The least cost of all whole dispatches; -1 when none is feasible. */
static long search(const struct dispatch *d, int unit, int *x) {
    long best = -1;
    if (unit == d->units) return dispatch_met(d, x) == dispatch_constraints(d) ? dispatch_cost(d, x) : -1;
    for (x[unit] = d->least[unit]; x[unit] <= d->most[unit]; x[unit]++) {
        const long cost = search(d, unit + 1, x);
        if (cost >= 0 && (best < 0 || cost < best)) best = cost;
    }
    return best;
}

/* Not made by the family: some have no solution, costs may be equal. */
static void merit_order_is_the_cheapest_of_all(void **state) {
    (void)state;
    struct draw draw = {.key = {.seed = 4, .purpose = 99}};
    int feasible = 0;
    for (int i = 0; i < 2000; i++) {
        struct dispatch d = {.units = 4, .lines = (int)draw_below(&draw, 3)};
        int x[DISPATCH_UNITS];
        int y[DISPATCH_UNITS];
        for (int u = 0; u < d.units; u++) {
            d.least[u] = draw_between(&draw, 0, 2);
            d.most[u] = d.least[u] + draw_between(&draw, 0, 4);
            d.cost[u] = draw_between(&draw, 1, 6);
            d.line[u] = d.lines ? draw_between(&draw, -1, d.lines - 1) : -1;
        }
        for (int l = 0; l < d.lines; l++) d.limit[l] = draw_between(&draw, 2, 12);
        d.demand = draw_between(&draw, 2, 16);
        const long best = search(&d, 0, y);
        const bool found = dispatch_optimum(&d, x);
        assert_true(found == (best >= 0));
        if (found) assert_true(dispatch_cost(&d, x) == best);
        feasible += found;
    }
    assert_true(feasible > 500 && feasible < 1800);
}

static void proportional_dispatch_meets_demand_and_limits(void **state) {
    (void)state;
    const struct dispatch d = {.units = 3, .demand = 14, .least = {0, 2, 4}, .most = {10, 2, 9}, .line = {-1, -1, -1}};
    int x[DISPATCH_UNITS];
    dispatch_proportional(&d, x); /* 8 more to share over spans 10, 0, 5 */
    assert_true(x[0] == 5 && x[1] == 2 && x[2] == 7);
}

static void outputs_are_scored_beside_the_baselines(void **state) {
    (void)state;
    struct synth synth = open_family("constraints", 3, 3, NULL);
    double random_all = 0;
    double proportional_met = 0;
    for (int i = 0; i < 200; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        const char *answer = string_of(item, "answer");
        assert_true(measured("constraints", item, answer, "met") == 1 &&
                    measured("constraints", item, answer, "gap") == 0);
        assert_true(measured("constraints", item, "A 1, B 2", "is_dispatch") == 0);
        assert_true(measured("constraints", item, "A 1, B 2", "met") == 0);
        /* One unit far too high: its limit and the demand fail, and its line where it has one. */
        char wrong[256];
        snprintf(wrong, sizeof wrong, "A 9999, %.200s", strchr(answer, 'B'));
        const double met = measured("constraints", item, wrong, "met");
        const int line = (int)json_integer_value(json_array_get(json_object_get(item, "line"), 0));
        assert_true(met == (6.0 + 1 + 2 - (line >= 0 ? 3 : 2)) / (6 + 1 + 2));
        assert_true(measured("constraints", item, wrong, "gap") == -1);
        random_all += measured("constraints", item, answer, "all_met@baseline=random") / 200;
        proportional_met += measured("constraints", item, answer, "met@baseline=proportional") / 200;
        const double gap = measured("constraints", item, answer, "gap@baseline=proportional");
        assert_true(gap == -1 || gap >= 0);
        json_decref(item);
    }
    assert_true(random_all < 0.1 && proportional_met > 0.85);
    synth_close(&synth);
}

static void check(const char *problem, void *user) {
    int sum = 0;
    int demand = atoi(strstr(problem, "demand ") + 7);
    for (const char *at = strchr(problem, ':'); at; at = strchr(at + 1, ','))
        sum += atoi(at + 4); /* ": A 4" or ", B 6" */
    assert_int_equal(sum, demand);
    (*(int *)user)++;
}

static void texts_serve_their_demand(void **state) {
    (void)state;
    struct synth synth = open_family("constraints", 2, 3, NULL);
    int problems = 0;
    each_problem(&synth, 300, check, &problems);
    assert_true(problems > 300);
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merit_order_is_the_cheapest_of_all),
        cmocka_unit_test(proportional_dispatch_meets_demand_and_limits),
        cmocka_unit_test(outputs_are_scored_beside_the_baselines),
        cmocka_unit_test(texts_serve_their_demand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
