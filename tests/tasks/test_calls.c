/* Calls: an independent reading of the question comes to the same call; wrong ones are wrong in the way they are said to be. */
#include "tasks/synth_unit.h"

/* One argument's phrase, without a look at the answer. */
static long read_value(const char *phrase) {
    long a;
    long b;
    long c;
    long d;
    if (sscanf(phrase, "the larger of %ld and %ld", &a, &b) == 2) return a > b ? a : b;
    if (sscanf(phrase, "the smaller of %ld and %ld", &a, &b) == 2) return a < b ? a : b;
    if (sscanf(phrase, "%ld if %ld is more than %ld, else %ld", &a, &b, &c, &d) == 4) return b > c ? a : d;
    if (sscanf(phrase, "%ld plus %ld", &a, &b) == 2) return a + b;
    if (sscanf(phrase, "%ld minus %ld", &a, &b) == 2) return a - b;
    if (sscanf(phrase, "%ld times %ld", &a, &b) == 2) return a * b;
    assert_int_equal(sscanf(phrase, "%ld", &a), 1);
    return a;
}

static void expected_call(char *call, const char *question) {
    static const struct {
        const char *begins, *call, *second;
    } asks[] = {
        {"Wait for", "wait", NULL},      {"Set a timer", "set_timer", NULL}, {"Set the volume", "set_volume", NULL},
        {"Turn by", "turn", NULL},       {"Buy this many ", "buy", NULL},    {"Pay ", "pay", NULL},
        {"Move to", "move", "this y: "}, {"Book a room", "book", "people: "}};
    const char *colon = strstr(question, ": ");
    char word[20] = "";
    size_t i = 0;
    while (i < 8 && strncmp(question, asks[i].begins, strlen(asks[i].begins)) != 0) i++;
    assert_true(i < 8 && colon);
    if (i == 4 || i == 5) assert_int_equal(sscanf(question + strlen(asks[i].begins), "%19[A-Za-z]", word), 1);
    call += sprintf(call, "%s(%s%s%ld", asks[i].call, word, *word ? ", " : "", read_value(colon + 2));
    if (asks[i].second)
        call += sprintf(call, ", %ld", read_value(strstr(question, asks[i].second) + strlen(asks[i].second)));
    strcpy(call, ")");
}

static int read_problems;

static void read_one(const char *problem, void *user) {
    char call[200];
    char shown[40];
    (void)user;
    expected_call(call, strstr(problem, "Question: ") + 10);
    const char *answer = strstr(problem, "Call: ") + 6;
    if (strcmp(answer, call) != 0) fail_msg("%s\nshould be %s", problem, call);
    snprintf(shown, sizeof shown, " %.*s", (int)(strchr(call, '(') - call + 1), call);
    assert_non_null(strstr(problem, shown)); /* its signature */
    read_problems++;
}

static void questions_are_answered_exactly(void **state) {
    (void)state;
    for (int difficulty = 1; difficulty <= 3; difficulty++) {
        struct synth synth = open_family("calls", difficulty, 5, NULL);
        each_problem(&synth, 1000, read_one, NULL);
        synth_close(&synth);
    }
    assert_true(read_problems > 3000);
}

static double rate(const json_t *item, const char *output, const char *name) {
    return measured("calls", item, output, name);
}

static void assert_kind(const json_t *item, const char *output, const char *kind) {
    static const char *const kinds[] = {"malformed", "wrong_function", "wrong_argument"};
    for (int k = 0; k < 3; k++)
        if (rate(item, output, kinds[k]) != (strcmp(kinds[k], kind) == 0)) fail_msg("%s: %s", output, kinds[k]);
}

static void wrong_answers_are_wrong_in_their_way(void **state) {
    (void)state;
    struct synth synth = open_family("calls", 3, 6, NULL);
    for (int i = 0; i < 500; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        const json_t *wrong = json_object_get(item, "wrong");
        assert_kind(item, string_of(item, "answer"), "none");
        assert_kind(item, string_of(wrong, "malformed"), "malformed");
        assert_kind(item, string_of(wrong, "function"), "wrong_function");
        assert_kind(item, string_of(wrong, "argument"), "wrong_argument");
        assert_kind(item, "", "malformed");
        assert_kind(item, "wait()", "malformed");
        assert_kind(item, "nothing(3)", "wrong_function");
        json_decref(item);
    }
    synth_close(&synth);
}

static void test_questions_are_in_no_training_text(void **state) {
    (void)state;
    static const char *const knobs[] = {"kinds=1", "largest=20", NULL};
    struct synth synth = open_family("calls", 1, 7, knobs);
    char *seen[400];
    for (int i = 0; i < 400; i++) {
        json_t *item = item_of(&synth, SYNTH_TRAIN, (uint64_t)i);
        seen[i] = strdup(strstr(string_of(item, "context"), "Question"));
        json_decref(item);
    }
    for (int i = 0; i < 200; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        for (int k = 0; k < 400; k++) assert_string_not_equal(strstr(string_of(item, "context"), "Question"), seen[k]);
        json_decref(item);
    }
    for (int i = 0; i < 400; i++) free(seen[i]);
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(questions_are_answered_exactly),
                                       cmocka_unit_test(wrong_answers_are_wrong_in_their_way),
                                       cmocka_unit_test(test_questions_are_in_no_training_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
