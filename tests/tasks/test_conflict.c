/* conflict: a pass of documents states each fact as often as items say; fact subjects stand in no context of training. */
#include <math.h>

#include "tasks/synth_unit.h"

enum { PASS = 500, MOST = 64 };

/* Subjects whose facts training states. */
struct facts {
    char subject[MOST][8], value[MOST][8], told[PASS][8];
    int times[MOST], count, read;
};

static int find(const struct facts *facts, const char *subject) {
    int i = 0;
    while (i < facts->count && strcmp(facts->subject[i], subject) != 0) i++;
    return i;
}

static void check(const char *problem, void *user) {
    struct facts *facts = user;
    char told[8];
    char said[8];
    char asked[8];
    char answer[8];
    assert_int_equal(sscanf(problem, "now: %7[a-z] likes %7[a-z]. %7[a-z] likes %7[a-z]", told, said, asked, answer),
                     4);
    strcpy(facts->told[facts->read++], told);
    if (strcmp(told, asked) == 0) {
        assert_string_equal(said, answer);
        return;
    }
    const int i = find(facts, asked);
    if (i == facts->count) {
        assert_true(facts->count < MOST);
        strcpy(facts->subject[i], asked);
        strcpy(facts->value[i], answer);
        facts->count++;
    }
    assert_string_equal(facts->value[i], answer);
    facts->times[i]++;
}

static const char *const small[] = {"facts=2", "pass=500", NULL};

static struct facts *read_pass(const struct synth *synth) {
    struct facts *facts = calloc(1, sizeof *facts);
    assert_non_null(facts);
    each_problem(synth, PASS, check, facts);
    assert_int_equal(facts->read, PASS);
    return facts;
}

static void each_fact_is_stated_so_often_and_never_as_context(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct synth synth = open_family("conflict", 1, seed, small);
        struct facts *facts = read_pass(&synth);
        int of[65] = {0};
        for (int i = 0; i < facts->count; i++) of[facts->times[i]]++;
        assert_true(facts->count == 8 && of[1] == 2 && of[4] == 2 && of[16] == 2 && of[64] == 2);
        for (int i = 0; i < PASS; i++) assert_int_equal(find(facts, facts->told[i]), facts->count);
        free(facts);
        synth_close(&synth);
    }
}

static void items_say_whether_the_context_wins(void **state) {
    (void)state;
    struct synth synth = open_family("conflict", 1, 1, small);
    struct facts *facts = read_pass(&synth);
    int kinds[3] = {0};
    for (int i = 0; i < 300; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        char told[8];
        char said[8];
        char asked[8];
        char name[48];
        const char *gold =
            json_string_value(json_array_get(json_object_get(item, "choices"), (size_t)integer_of(item, "gold")));
        assert_int_equal(sscanf(string_of(item, "context"), "now: %7[a-z] likes %7[a-z]. %7[a-z]", told, said, asked),
                         3);
        const int known = find(facts, asked);
        const bool same = strcmp(told, asked) == 0;
        const bool has = known < facts->count;
        const char *is = !has ? "new" : same ? "contradicts" : "silent";
        kinds[has + (has && same)]++;
        assert_true(same || has);
        assert_string_equal(string_of(item, "context_is"), is);
        assert_string_equal(gold, same ? said : facts->value[known]);
        snprintf(name, sizeof name, has ? "acc@context=%s,trained=%d" : "acc@context=%s", is,
                 has ? facts->times[known] : 0);
        assert_true(measured("conflict", item, gold, name) == 1 && measured("conflict", item, "x", name) == 0);
        assert_true(fabs(measured("conflict", item, gold, "chance") - 1 / 8.0) < 1e-12);
        if (has) snprintf(name, sizeof name, "prior_wins@trained=%d", facts->times[known]);
        if (has && same) {
            assert_string_not_equal(gold, facts->value[known]);
            assert_true(measured("conflict", item, facts->value[known], name) == 1);
            assert_true(measured("conflict", item, gold, name) == 0);
        } else
            assert_true(!has || measured("conflict", item, gold, name) == -1);
        json_decref(item);
    }
    for (int k = 0; k < 3; k++) assert_true(kinds[k] > 70);
    free(facts);
    synth_close(&synth);
}

static void too_short_a_pass_or_too_few_facts_are_refused(void **state) {
    (void)state;
    struct synth synth;
    assert_int_equal(synth_open(&synth, &family_conflict, 1, (const char *const[]){"pass=2000"}, 1, 1, &error),
                     LTM_INVALID);
    assert_says("facts are stated in 1360 documents of a pass, more than half of 2000; make pass larger");
    synth_close(&synth);
    assert_int_equal(synth_open(&synth, &family_conflict, 1, (const char *const[]){"facts=1"}, 1, 1, &error),
                     LTM_INVALID);
    assert_says("4 strangers with 8 values are too few to hold out a share of 0.2");
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fact_is_stated_so_often_and_never_as_context),
        cmocka_unit_test(items_say_whether_the_context_wins),
        cmocka_unit_test(too_short_a_pass_or_too_few_facts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
