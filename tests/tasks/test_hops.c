/* Hops: answers are those of a naive search; the published setting can be made. */
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

static void too_short_a_sequence_is_refused(void **state) {
    (void)state;
    struct synth synth;
    assert_int_equal(synth_open(&synth, &family_hops, 1, (const char *const[]){"hops=30"}, 1, 1, &error), LTM_INVALID);
    assert_says("make it 180 or more");
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_a_naive_search),
        cmocka_unit_test(the_published_setting_is_there),
        cmocka_unit_test(too_short_a_sequence_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
