/* Iterate: iterates against closed forms; the texts say what the items hold; outputs are put to the nearest iterate. */
#include <math.h>

#include "tasks/iterate.h"
#include "tasks/synth_unit.h"

static void iterates_are_those_of_the_methods(void **state) {
    (void)state;
    double x[ITERATE_STEPS + 1];
    const struct iteration root = {ITERATE_NEWTON, 1, 0, 2, 2, 0}; /* sqrt(2) from 2: 3/2, 17/12, 577/408 */
    iterate_run(&root, 3, x);
    assert_true(fabs(x[1] - 1.5) < 1e-12 && fabs(x[2] - 17.0 / 12) < 1e-12 && fabs(x[3] - 577.0 / 408) < 1e-12);
    assert_true(fabs(iterate_solution(&root) - sqrt(2)) < 1e-12);
    const struct iteration halves = {ITERATE_BISECTION, 1, 0, 2, 0, 2}; /* 1, 1.5, 1.25, 1.375 */
    iterate_run(&halves, 3, x);
    assert_true(x[0] == 1 && x[1] == 1.5 && x[2] == 1.25 && x[3] == 1.375);
    const struct iteration down = {ITERATE_DESCENT, 2, -8, 0, 10, 0}; /* x - 2 shrinks by 1 - 0.1 · 4 = 0.6 a step */
    iterate_run(&down, 5, x);
    for (int i = 0; i <= 5; i++) assert_true(fabs(x[i] - 2 - 8 * pow(0.6, i)) < 1e-9);
    assert_true(iterate_solution(&down) == 2);
}

/* "3x" → 3, "x" → 1; the sign stands before it. */
static void read_problem(const char *text, struct iteration *it, int *steps) {
    char method[16];
    char sign;
    int n = 0;
    *it = (struct iteration){.a = 1};
    assert_int_equal(sscanf(text, "%15[a-z]:%n", method, &n), 1);
    it->method = method[0] == 'b' ? ITERATE_BISECTION : method[0] == 'n' ? ITERATE_NEWTON : ITERATE_DESCENT;
    text += n + 1;
    if (*text != 'x') it->a = (int)strtol(text, (char **)&text, 10);
    text += 3;
    while (sscanf(text, " %c", &sign) == 1 && (sign == '+' || sign == '-')) {
        char *end;
        long number = strtol(text + 3, &end, 10);
        if (end == text + 3) number = 1;
        if (sign == '-') number = -number;
        if (*end == 'x')
            it->b = (int)number, end++;
        else
            it->c = (int)-number;
        text = end;
    }
    if (it->method == ITERATE_BISECTION)
        assert_int_equal(sscanf(text, " on %d to %d", &it->from, &it->to), 2);
    else
        assert_int_equal(sscanf(text, " from %d", &it->from), 1);
    *steps = atoi(strrchr(text, ',') + 1);
}

static void check(const char *problem, void *user) {
    struct iteration it;
    double x[ITERATE_STEPS + 1];
    int steps;
    read_problem(problem, &it, &steps);
    iterate_run(&it, steps, x);
    assert_true(fabs(strtod(strstr(problem, "= ") + 2, NULL) - x[steps]) < 0.00501);
    (*(int *)user)++;
}

static void texts_say_what_comes_out(void **state) {
    (void)state;
    struct synth synth = open_family("iterate", 3, 3, NULL);
    int problems = 0;
    each_problem(&synth, 500, check, &problems);
    assert_true(problems > 500);
    synth_close(&synth);
}

static void an_output_is_an_iterate_to_the_cent_or_a_template(void **state) {
    (void)state;
    struct synth synth = open_family("iterate", 3, 3, NULL);
    for (int i = 0; i < 100; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        json_t *all = json_object_get(item, "iterates");
        const int steps = integer_of(item, "steps");
        char output[64];
        char name[32];
        for (int k = 0; k <= steps; k++)
            for (int j = 0; j <= steps; j++) {
                snprintf(output, sizeof output, "%.2f", json_real_value(json_array_get(all, (size_t)k)));
                snprintf(name, sizeof name, "answers=x%d", j);
                assert_true(measured("iterate", item, output, name) == (j == k));
                assert_true(measured("iterate", item, output, "answers=none") == 0);
            }
        snprintf(output, sizeof output, "%.2f", json_real_value(json_object_get(item, "solution")));
        assert_true(measured("iterate", item, output, "answers=solution") == 1);
        snprintf(output, sizeof output, "%.2f", json_real_value(json_array_get(all, 0)) + 0.01);
        assert_true(measured("iterate", item, output, "answers=none") == 1);
        assert_true(measured("iterate", item, output, "answers=x0") == 0);
        assert_true(measured("iterate", item, "what?", "answers=none") == 0);
        json_decref(item);
    }
    synth_close(&synth);
}

static void outputs_belong_to_the_nearest_iterate(void **state) {
    (void)state;
    struct synth synth = open_family("iterate", 2, 3, NULL);
    for (int i = 0; i < 300; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        json_t *all = json_object_get(item, "iterates");
        const int steps = integer_of(item, "steps");
        char output[64];
        char name[32];
        assert_int_equal(json_array_size(all), steps + 1);
        snprintf(name, sizeof name, "acc@steps=%d", steps);
        for (int k = 0; k <= steps; k++) {
            snprintf(output, sizeof output, "%.2f", json_real_value(json_array_get(all, (size_t)k)) + 0.004);
            assert_true(measured("iterate", item, output, "nearest_is_xk") == (k == steps));
            assert_true(measured("iterate", item, output, "nearest_is_x0") == (k == 0));
            if (steps > 1) assert_true(measured("iterate", item, output, "nearest_is_between") == (k > 0 && k < steps));
        }
        snprintf(output, sizeof output, "%.2f", json_real_value(json_object_get(item, "solution")));
        assert_true(measured("iterate", item, output, "nearest_is_solution") == 1);
        assert_true(measured("iterate", item, string_of(item, "answer"), name) == 1 &&
                    measured("iterate", item, output, name) == 0);
        assert_true(measured("iterate", item, "what?", "is_number") == 0);
        json_decref(item);
    }
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iterates_are_those_of_the_methods),
        cmocka_unit_test(texts_say_what_comes_out),
        cmocka_unit_test(outputs_belong_to_the_nearest_iterate),
        cmocka_unit_test(an_output_is_an_iterate_to_the_cent_or_a_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
