/* recall, last-mention, counting, copying: a reader of the text alone comes to the same answers, and finds what is asked for where the
 * item says it is. */
#include <math.h>

#include "tasks/synth_unit.h"

enum { MOST = 1 << 15 };
static const char *const names[] = {"recall", "last-mention", "counting", "copying"};
enum { RECALL, MENTION, COUNTING, COPYING, TASKS };

/* The words behind the colon, a character each. */
static int read_words(const char *text, char words[MOST]) {
    int count = 0;
    for (text = strchr(text, ':') + 1; *text; text += 2) {
        assert_true(text[0] == ' ' && text[1] && text[1] != ' ' && (!text[2] || text[2] == ' '));
        words[count++] = text[1];
    }
    return count;
}

/* From the words of a context, up to its last "="; returns where the oldest word stands that the answer needs. */
static int solve(int task, const char *words, int count, int letters, char *answer) {
    const char asked = words[count - 2];
    int at = 0;
    assert_int_equal(words[count - 1], '=');
    if (task == COUNTING) {
        int found = 0;
        for (int i = count - 3; i >= 0; i--)
            if (words[i] == asked) found++, at = i;
        sprintf(answer, "%d", found);
    } else if (task == COPYING) {
        for (int i = count - 2; i >= 0; i--)
            if (words[i] >= 'a') at = i;
        for (int i = at; i < count - 1; i++)
            if (words[i] >= 'a') *answer++ = words[i], *answer++ = ' ';
        answer[-1] = 0;
    } else {
        at = count - 3;
        while (words[at] != asked) at--;
        at++;
        assert_true(words[at] >= 'a');
        for (int i = 0; i < letters; i++) *answer++ = words[at + i], *answer++ = ' ';
        answer[-1] = 0;
        for (int i = 0; task == RECALL && i < at - 1; i++) assert_int_not_equal(words[i], asked);
    }
    return at;
}

struct looking {
    int task, problems, length;
    char filler; /* the greatest that was met */
};

static void check(const char *problem, void *user) {
    struct looking *looking = user;
    char context[2 * MOST];
    char words[MOST] = {0};
    char answer[512];
    const char *told = strrchr(problem, '=') + 2;
    snprintf(context, sizeof context, "%.*s", (int)(told - 1 - problem), problem);
    const int count = read_words(context, words);
    solve(looking->task, words, count, 1, answer);
    assert_string_equal(told, answer);
    assert_int_equal(count, looking->length);
    const char first = looking->task == COUNTING ? 'a' : '0';
    for (int i = 0; i < count; i++)
        if (words[i] > looking->filler && words[i] < first + 10) looking->filler = words[i];
    looking->problems++;
}

static void answers_are_those_of_a_reader(void **state) {
    (void)state;
    for (int task = 0; task < TASKS; task++)
        for (int difficulty = 1; difficulty <= 3; difficulty++) {
            struct synth synth = open_family(names[task], difficulty, 3, NULL);
            struct looking looking = {.task = task, .length = (2 << difficulty) * 16 + 16};
            each_problem(&synth, 60, check, &looking);
            assert_true(looking.problems >= 60);
            static const int fillers[] = {0, 1, 4, 10};
            if (task == COUNTING)
                assert_int_equal(looking.filler + 1 - 'a', difficulty == 1 ? 4 : fillers[difficulty]);
            else
                assert_int_equal(looking.filler + 1 - '0', fillers[difficulty]);
            synth_close(&synth);
        }
}

static void what_is_asked_for_lies_a_set_distance_back(void **state) {
    (void)state;
    for (int task = 0; task < TASKS; task++) {
        struct synth synth = open_family(names[task], 1, 3, (const char *const[]){"farther=16", "window=24", NULL});
        int asked[5] = {0};
        for (int i = 0; i < 300; i++) {
            json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
            char words[MOST] = {0};
            char answer[512];
            char name[40];
            const int count = read_words(string_of(item, "context"), words);
            const int distance = count - solve(task, words, count, 1, answer);
            assert_string_equal(answer, string_of(item, "answer"));
            assert_int_equal(distance, integer_of(item, "distance"));
            int doublings = 0;
            while (24 << doublings < distance) doublings++;
            assert_int_equal(24 << doublings, distance);
            asked[doublings]++;
            snprintf(name, sizeof name, "acc@distance=%d", distance);
            assert_true(measured(names[task], item, answer, name) == 1 && measured(names[task], item, "?", name) == 0);
            assert_true(measured(names[task], item, "?", doublings > 2 ? "acc@range=farther" : "acc@range=trained") ==
                        0);
            assert_true(measured(names[task], item, "?", "optimum") == 1);
            const double chance = task == COUNTING ? 1 / 5.0 : task == COPYING ? pow(8, -4) : 1 / 8.0;
            assert_true(fabs(measured(names[task], item, "?", "chance") - chance) < 1e-12);
            json_decref(item);
        }
        for (int i = 0; i < 5; i++) assert_true(asked[i] > 30);
        synth_close(&synth);
    }
}

static void wrong_answers_tell_what_went_wrong(void **state) {
    (void)state;
    for (int task = 0; task < TASKS; task++) {
        struct synth synth = open_family(names[task], 1, 3, NULL);
        for (int i = 0; i < 100; i++) {
            json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
            const char *answer = string_of(item, "answer");
            const json_t *others = json_object_get(item, "others");
            const char *words = strrchr(string_of(item, "context"), ':');
            char other[64];
            for (size_t k = 0; k < json_array_size(others); k++) {
                const char *value = json_string_value(json_array_get(others, k));
                snprintf(
                    other, sizeof other, "%c %s", string_of(item, "context")[strlen(string_of(item, "context")) - 3],
                    value); /* key and value stand so where it is an earlier value; somewhere else where another key's */
                assert_true((strstr(words, other) != NULL) == (task == MENTION));
                snprintf(other, sizeof other, " %s", value);
                assert_true(measured(names[task], item, other, "answers_other") == 1);
                assert_true(measured(names[task], item, answer, "answers_other") == 0);
            }
            if (task == COUNTING) {
                sprintf(other, "%d", atoi(answer) + 1);
                assert_true(measured(names[task], item, other, "within_one") == 1);
                assert_true(measured(names[task], item, "7", "within_one") == (atoi(answer) > 5));
            }
            if (task == COPYING) {
                snprintf(other, sizeof other, " %.5s?", answer); /* three of four */
                assert_true(fabs(measured(names[task], item, other, "letters") - 0.75) < 1e-12);
            }
            json_decref(item);
        }
        synth_close(&synth);
    }
}

static void a_value_can_be_a_passage(void **state) {
    (void)state;
    struct synth synth = open_family("recall", 3, 3, (const char *const[]){"words=8", "nearest=4", "window=20", NULL});
    for (int i = 0; i < 50; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        char words[MOST] = {0};
        char answer[512];
        const int count = read_words(string_of(item, "context"), words);
        assert_int_equal(count - solve(RECALL, words, count, 8, answer), integer_of(item, "distance"));
        assert_string_equal(answer, string_of(item, "answer"));
        assert_int_equal(strlen(answer), 15);
        json_decref(item);
    }
    synth_close(&synth);
}

/* Each "key = value" says the value that the key was given last, and the last question's key is asked for once. */
static void lessons_tell_what_stands_before_them(void **state) {
    (void)state;
    for (int task = RECALL; task <= MENTION; task++) {
        struct synth synth = open_family(names[task], 1, 3, (const char *const[]){"lessons=6", "keys=5", NULL});
        int all = 0;
        for (int i = 0; i < 50; i++) {
            json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
            char words[MOST] = {0};
            char answer[512];
            char value[128] = {0};
            int lessons = 0;
            const int count = read_words(string_of(item, "context"), words);
            solve(task, words, count, 1, answer);
            assert_string_equal(answer, string_of(item, "answer"));
            for (int t = 0; t + 2 < count; t++) {
                if (words[t] < 'A' || words[t] > 'Z') continue;
                const bool asks = words[t + 1] == '=';
                if (!asks) value[(int)words[t]] = words[t + 1];
                if (asks) assert_int_equal(words[t + 2], value[(int)words[t]]);
                if (asks) assert_int_not_equal(words[t], words[count - 2]);
                lessons += asks;
            }
            assert_true(lessons >= 3 && lessons <= 9); /* three behind the text, six where there is room */
            all += lessons;
            json_decref(item);
        }
        assert_true(all > 50 * 7);
        synth_close(&synth);
    }
}

static void a_key_alone_can_ask(void **state) {
    (void)state;
    struct synth synth = open_family("recall", 1, 3, (const char *const[]){"lessons=6", "sign=0", NULL});
    for (int i = 0; i < 50; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        char words[MOST] = {0};
        char value[128] = {0};
        const int count = read_words(string_of(item, "context"), words);
        const char *asked = strchr(words, words[count - 1]);
        for (int t = 0; t + 1 < count; t++) {
            if (words[t] < 'A' || words[t] > 'Z') continue;
            if (value[(int)words[t]]) assert_int_equal(words[t + 1], value[(int)words[t]]);
            value[(int)words[t]] = words[t + 1];
        }
        assert_int_equal(count - (asked + 1 - words), integer_of(item, "distance"));
        assert_int_equal(asked[1], string_of(item, "answer")[0]);
        json_decref(item);
    }
    synth_close(&synth);
}

static void refuses(const char *family, const char *const *knobs, size_t count, const char *words) {
    struct synth synth;
    assert_int_equal(synth_open(&synth, family_find(family), 1, knobs, count, 1, &error), LTM_INVALID);
    assert_says(words);
    synth_close(&synth);
}

static void distances_that_do_not_go_together_are_refused(void **state) {
    (void)state;
    refuses("recall", (const char *const[]){"nearest=5"}, 1, "nearest = 5 is more than distance = 4");
    refuses("copying", (const char *const[]){"farther=3"}, 1, "farther = 3 is less than distance = 4");
    refuses("counting", (const char *const[]){"farther=2048"}, 1, "is longer than 32768 words");
    refuses("recall", (const char *const[]){"questions=4", "words=9"}, 2, "make nearest or window larger");
    refuses("recall", (const char *const[]){"keys=3"}, 1, "pairs = 4 is more than keys = 3");
    refuses("last-mention", (const char *const[]){"keys=3"}, 1, "questions = 4 is more than the 3 keys");
    refuses("last-mention", (const char *const[]){"pairs=40"}, 1, "pairs = 40 do not fit into the 67 words");
    refuses("copying", (const char *const[]){"letters=16"}, 1, "22 words stand between");
    refuses("counting", (const char *const[]){"fillers=1"}, 1, "too few different texts to hold out a share of 0.2");
    refuses("copying", (const char *const[]){"letters=1"}, 1, "too few different texts");
    refuses("counting", (const char *const[]){"marks=26"}, 1,
            "26 marks of up to 5 each are many for a text of 64 words");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_a_reader),
        cmocka_unit_test(what_is_asked_for_lies_a_set_distance_back),
        cmocka_unit_test(wrong_answers_tell_what_went_wrong),
        cmocka_unit_test(a_value_can_be_a_passage),
        cmocka_unit_test(lessons_tell_what_stands_before_them),
        cmocka_unit_test(a_key_alone_can_ask),
        cmocka_unit_test(distances_that_do_not_go_together_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
