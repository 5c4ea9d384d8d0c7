/* Hops: answers are those of a naive search; the published setting can be made. */
#include <math.h>

#include "tasks/synth_unit.h"

/* By the definition alone: i_k+1 = max{ j < i_k : s_(j-1) = s_(i_k) }, searched for in the text. */
static char search(const char *problem) {
    const char *sequence = strchr(problem, ':') + 2;
    int hops = atoi(problem);
    int n = (int)(strchr(problem, '=') - sequence) / 2;
    int at = n - 1;
    for (; hops > 0; hops--) {
        int j = at - 1;
        while (j >= 1 && sequence[2 * (j - 1)] != sequence[2 * at]) j--;
        assert_true(j >= 1);
        at = j;
    }
    return sequence[2 * at];
}

static void check(const char *problem, void *user) {
    assert_int_equal(search(problem), strstr(problem, "= ")[2]);
    (*(int *)user)++;
}

static void answers_are_those_of_a_naive_search(void **state) {
    (void)state;
    int problems = 0;
    for (int difficulty = 1; difficulty <= 3; difficulty++) {
        struct synth synth = open_family("hops", difficulty, 3, NULL);
        each_problem(&synth, 300, check, &problems);
        synth_close(&synth);
    }
    assert_true(problems > 900);
}

static void the_published_setting_is_there(void **state) {
    (void)state;
    struct synth synth = open_family(
        "hops", 1, 3, (const char *const[]){"hops=32", "fewest=32", "length=256", "symbols=4", "problems=1", NULL});
    int problems = 0;
    each_problem(&synth, 50, check, &problems);
    for (int i = 0; i < 50; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        const char *gold =
            json_string_value(json_array_get(json_object_get(item, "choices"), (size_t)integer_of(item, "gold")));
        assert_int_equal(search(string_of(item, "context")), gold[0]);
        assert_true(measured("hops", item, gold, "acc@hops=32") == 1 &&
                    measured("hops", item, "z", "acc@hops=32") == 0);
        json_decref(item);
    }
    synth_close(&synth);
}

static void check_every(const char *problem, void *user) {
    const char *at = strchr(problem, ':') + 1;
    char plain[128];
    const int head = (int)(at - problem);
    memcpy(plain, problem, (size_t)head);
    for (int n = 0; *at; n++, at += 4) {
        sprintf(plain + head + 2 * n, " %c =", at[1]);
        assert_true(strlen(at) >= 4);
        const char answer = at[3];
        if (answer != '-') assert_int_equal(search(plain), answer - 'A' + 'a');
        *(int *)user += answer != '-';
    }
}

static void every_place_can_have_its_answer(void **state) {
    (void)state;
    struct synth synth = open_family("hops", 2, 3, (const char *const[]){"every=1", NULL});
    int answers = 0;
    each_problem(&synth, 200, check_every, &answers);
    assert_true(answers > 200 * 5);
    json_t *item = item_of(&synth, SYNTH_TEST, 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(item, "choices"), 0)), "A");
    json_decref(item);
    synth_close(&synth);
}

static void tests_can_be_deeper_and_longer(void **state) {
    (void)state;
    enum { ITEMS = 2000 };
    struct synth synth = open_family(
        "hops", 1, 3, (const char *const[]){"hops=2", "length=30", "deeper=4", "longer=60", "symbols=3", NULL});
    static const char *const bins[] = {"", "last@hops=1", "last@hops=2", "last@hops=3", "last@hops=4"};
    int asked[5] = {0};
    int longer = 0;
    for (int i = 0; i < ITEMS; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        const int hops = integer_of(item, "hops");
        const int gold = integer_of(item, "gold");
        const char *context = string_of(item, "context");
        assert_int_equal(search(context), 'a' + gold);
        asked[hops]++;
        assert_true(measured("hops", item, "x", bins[hops]) == (context[strlen(context) - 3] == 'a' + gold));
        longer += integer_of(item, "length") == 60;
        assert_true(fabs(measured("hops", item, "x", "chance") - 1 / 3.0) < 1e-12);
        json_decref(item);
    }
    for (int hops = 1; hops <= 4; hops++) assert_true(asked[hops] > ITEMS / 5);
    assert_true(longer > ITEMS * 2 / 5 && longer < ITEMS * 3 / 5);
    synth_close(&synth);
}

static void too_short_a_sequence_is_refused(void **state) {
    (void)state;
    struct synth synth;
    assert_int_equal(synth_open(&synth, &family_hops, 1, (const char *const[]){"hops=30"}, 1, 1, &error), LTM_INVALID);
    assert_says("use 180 or more");
    synth_close(&synth);
    assert_int_equal(synth_open(&synth, &family_hops, 2, (const char *const[]){"deeper=1"}, 1, 1, &error), LTM_INVALID);
    assert_says("deeper = 1 is less than hops = 2");
    synth_close(&synth);
    assert_int_equal(synth_open(&synth, &family_hops, 2, (const char *const[]){"longer=9"}, 1, 1, &error), LTM_INVALID);
    assert_says("longer = 9 is less than length = 20");
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_a_naive_search), cmocka_unit_test(the_published_setting_is_there),
        cmocka_unit_test(every_place_can_have_its_answer),     cmocka_unit_test(tests_can_be_deeper_and_longer),
        cmocka_unit_test(too_short_a_sequence_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
