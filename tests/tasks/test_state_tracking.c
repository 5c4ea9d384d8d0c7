/* parity, modular, permutations: answers are those of another way to compute them; lengths beyond training are tests alone. */
#include <math.h>

#include "tasks/synth_unit.h"

struct looking {
    int problems, longest;
};

static int words_of(const char *text, char words[][8]) {
    int count = 0;
    for (int bytes; sscanf(text, " %7[0-9a-e]%n", words[count], &bytes) == 1; text += bytes) count++;
    return count;
}

/* Ones counted, or numbers added up, in place of one state after the other. */
static void sum_state(char *state, char words[][8], int count, int modulus) {
    int sum = 0;
    for (int i = 0; i < count; i++) sum += atoi(words[i]);
    snprintf(state, 16, "%d", sum % modulus);
}

/* From the right: where in the first row the letter comes from that is last at each place. */
static void permuted_state(char *state, char words[][8], int count) {
    const size_t points = strlen(words[0]);
    for (size_t place = 0; place < points; place++) {
        size_t from = place;
        for (int i = count - 1; i >= 0; i--) from = (size_t)(words[i][from] - 'a');
        state[place] = (char)('a' + from);
    }
    state[points] = 0;
}

/* `answer`: one state, or one behind each element. */
static int check_answer(const char *context, const char *answer) {
    char words[512][8];
    char states[512][8];
    char right[16];
    int modulus = 2;
    sscanf(context, "sum mod %d", &modulus);
    const int count = words_of(strchr(context, ':') + 1, words);
    const int told = words_of(answer, states);
    assert_true(told == 1 || told == count);
    for (int i = 0; i < told; i++) {
        const int upto = told == 1 ? count : i + 1;
        if (strncmp(context, "permute", 7) == 0)
            permuted_state(right, words, upto);
        else
            sum_state(right, words, upto, modulus);
        assert_string_equal(states[i], right);
    }
    return count;
}

static void check(const char *problem, void *user) {
    struct looking *looking = user;
    const int length = check_answer(problem, strchr(problem, '=') + 1);
    if (length > looking->longest) looking->longest = length;
    looking->problems++;
}

static const char *const names[] = {"parity", "modular", "permutations"};

static void answers_are_right(void **state) {
    (void)state;
    for (int f = 0; f < 3; f++)
        for (int show = 0; show < 2; show++) {
            struct looking looking = {0};
            struct synth synth = open_family(names[f], 2, 3, (const char *const[]){show ? "show=1" : "show=0", NULL});
            each_problem(&synth, 300, check, &looking);
            assert_true(looking.problems > 500 && looking.longest == synth_knob(&synth, 1));
            synth_close(&synth);
        }
}

static void tests_are_longer_too_and_say_so(void **state) {
    (void)state;
    static const double chances[] = {0.5, 0.2, 1 / 120.0};
    for (int f = 0; f < 3; f++) {
        struct synth synth = open_family(names[f], 2, 3, NULL);
        const int trained = synth_knob(&synth, 1);
        int longer = 0;
        int longest = 0;
        for (int i = 0; i < 300; i++) {
            json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
            char name[40];
            const int length = check_answer(string_of(item, "context"), string_of(item, "answer"));
            assert_int_equal(length, integer_of(item, "length"));
            snprintf(name, sizeof name, "acc@length=%d", length);
            assert_true(measured(names[f], item, string_of(item, "answer"), name) == 1);
            assert_true(measured(names[f], item, "x", length > trained ? "acc@range=longer" : "acc@range=trained") ==
                        0);
            assert_true(fabs(measured(names[f], item, "x", "chance") - chances[f]) < 1e-12);
            longer += length > trained;
            if (length > longest) longest = length;
            json_decref(item);
        }
        assert_true(longer > 100 && longer < 200 && longest == 2 * trained);
        synth_close(&synth);
    }
}

static void refuses(const char *family, const char *const *knobs, size_t count, const char *words) {
    struct synth synth;
    assert_int_equal(synth_open(&synth, family_find(family), 1, knobs, count, 1, &error), LTM_INVALID);
    assert_says(words);
    synth_close(&synth);
}

static void lengths_that_do_not_go_together_are_refused(void **state) {
    (void)state;
    refuses("parity", (const char *const[]){"fewest=9"}, 1, "fewest = 9 is more than length = 8");
    refuses("modular", (const char *const[]){"longer=5"}, 1, "longer = 5 is less than length = 6");
    refuses("modular", (const char *const[]){"length=512", "longer=500"}, 2, "longer = 500 is less than length = 512");
    refuses("parity", (const char *const[]){"length=3"}, 1, "at length = 3 there are 8 problems, too few");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_right),
        cmocka_unit_test(tests_are_longer_too_and_say_so),
        cmocka_unit_test(lengths_that_do_not_go_together_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
