/* Where text stops, what of it is an answer, and which answers are the same. Expected values by hand, those of GSM8K as the
 * harness's expressions give them in Python. */
#include "support/unit.h"

#include "tasks/answers.h"

static void stops_at(const struct answer_rules *rules, const char *text, size_t expected) {
    assert_int_equal(answer_stop(rules, text, strlen(text)), expected);
}

static void takes(const struct answer_rules *rules, int filter, const char *text, const char *expected) {
    char *answer;
    assert_int_equal(answer_extract(&answer, &rules->filters[filter], text, NULL), LTM_OK);
    assert_string_equal(answer, expected);
    free(answer);
}

static bool same(const struct answer_rules *rules, int filter, const char *gold, const char *answer) {
    bool right;
    assert_int_equal(answer_is_right(&right, rules, &rules->filters[filter], gold, answer, NULL), LTM_OK);
    return right;
}

static void gsm8k_takes_what_the_harness_takes(void **state) {
    (void)state;
    struct answer_rules rules;
    assert_int_equal(answer_rules_gsm8k(&rules, NULL), LTM_OK);
    assert_int_equal(rules.filter_count, 2);
    assert_string_equal(rules.filters[0].name, "strict-match");
    assert_string_equal(rules.filters[1].name, "flexible-extract");
    takes(&rules, 0, " 3 + 4 = 7\n#### 7\n#### 8", "7");
    takes(&rules, 0, "the answer is 7", "[invalid]");
    takes(&rules, 0, "#### -1,234.", "-1,234.");
    takes(&rules, 1, "3 apples and 14 pears, -5 left", "-5");
    takes(&rules, 1, "That makes $1,080.50.", "$1,080.50.");
    takes(&rules, 1, "none at all", "[invalid]");
    takes(&rules, 1, "the third one has 7", "7");
    stops_at(&rules, " 7\n#### 7\n\nQuestion: next", 11);
    stops_at(&rules, "7</s>", 1);
    stops_at(&rules, "no end", 6);

    const char *gold = "5 + 1075 = <<5+1075=1080>>1080\n#### 1,080";
    assert_true(same(&rules, 0, gold, "1080"));
    assert_true(same(&rules, 1, gold, "$1,080."));
    assert_false(same(&rules, 1, gold, "108"));
    assert_false(same(&rules, 0, gold, "[invalid]"));
    assert_false(same(&rules, 0, gold, "1080.0"));
    assert_true(
        same(&rules, 0, "#### 5", "5.,")); /* one expression after the other: the comma goes, then the full stop */
    answer_rules_free(&rules);
}

static void own_expressions(void **state) {
    (void)state;
    struct answer_rules rules;
    struct answer_patterns patterns = {.extract = "is ([a-z]+)|=> *([a-z]+)",
                                       .stop = "\n|END",
                                       .ignore = {"[!,]"},
                                       .ignored = 1,
                                       .last = true,
                                       .ignore_case = true};
    assert_int_equal(answer_rules_create(&rules, &patterns, NULL), LTM_OK);
    takes(&rules, 0, "it is red, then => blue", "blue");
    stops_at(&rules, "red END", 4);
    assert_true(same(&rules, 0, "BLUE!", " bl,ue "));
    assert_true(same(&rules, 0, "the colour is blue, I think", "blue"));
    assert_false(same(&rules, 0, "blue", "red"));
    answer_rules_free(&rules);

    patterns = (struct answer_patterns){.extract = "[0-9]+"};
    assert_int_equal(answer_rules_create(&rules, &patterns, NULL), LTM_OK);
    takes(&rules, 0, "12 and 34", "12");
    stops_at(&rules, "never", 5);
    answer_rules_free(&rules);

    patterns = (struct answer_patterns){.stop = "x*"}; /* matches the empty text everywhere: only a real one counts */
    assert_int_equal(answer_rules_create(&rules, &patterns, NULL), LTM_OK);
    assert_string_equal(rules.filters[0].name, "none");
    takes(&rules, 0, " the whole text \n", "the whole text");
    stops_at(&rules, "abxx", 2);
    assert_true(same(&rules, 0, "A b", "A b"));
    assert_false(same(&rules, 0, "A b", "a b"));
    answer_rules_free(&rules);
}

/* As re.search takes them in Python. */
static void classes_are_those_of_python(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"(\\d+)", "dddd 12 x", "12"},
        {"([\\d.,]+)", "a 1,234.5 d", "1,234.5"},
        {"(\\D+)$", "12 ab", "ab"},
        {"a\\s(\\S+)", "a\tb-c d", "b-c"},
        {"(\\w+)\\W", "\xC2\xBF ab_1!", "ab_1"},
        {"([\\w\\-]+)", "! a-b_c", "a-b_c"},
        {"x([\\]\\[]+)", "x[]]y", "[]]"},
        {"([^\\s\\]]+)]", " ab]", "ab"},
        {"(\\$\\d{2})", "5 $123", "$12"},
        {"([[:digit:]\\-]+)", "a 1-2", "1-2"},
        {"\\((\\w)\\)", "(a) (B)", "a"},
        {"([]a]+)", "x]a", "]a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer_rules rules;
        struct ltm_error error = {0};
        const struct answer_patterns patterns = {.extract = cases[i][0]};
        if (answer_rules_create(&rules, &patterns, &error) != LTM_OK) fail_msg("%s", error.message);
        takes(&rules, 0, cases[i][1], cases[i][2]);
        answer_rules_free(&rules);
    }
}

static void bad_expressions_are_named(void **state) {
    (void)state;
    struct answer_rules rules;
    struct ltm_error error = {0};
    const struct answer_patterns patterns[] = {{.extract = "(a"},
                                               {.stop = "[a"},
                                               {.ignore = {"a{2,1}"}, .ignored = 1},
                                               {.extract = "(?:a)"},
                                               {.extract = "a.*?b"}};
    static const char *const keys[] = {"extract = (a ", "stop = [a ", "ignore = a{2,1} ", "(?…)", "a lazy repetition"};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(answer_rules_create(&rules, &patterns[i], &error), LTM_INVALID);
        assert_non_null(strstr(error.message, keys[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gsm8k_takes_what_the_harness_takes),
        cmocka_unit_test(own_expressions),
        cmocka_unit_test(classes_are_those_of_python),
        cmocka_unit_test(bad_expressions_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
