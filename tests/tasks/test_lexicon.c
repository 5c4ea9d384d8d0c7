/* lexicon: forms tell what the rule says and nothing else, as often as the optimum says; words keep what they mean. */
#include <math.h>

#include "tasks/synth_unit.h"

enum { MOST = 300 };

struct words {
    char text[MOST][16], means[MOST][2][8];
    int count, times[2]; /* rare, common, of what is told about sizes */
};

static void check(const char *problem, void *user) {
    struct words *words = user;
    char word[16];
    char question[8];
    char answer[8];
    assert_int_equal(sscanf(problem, "%15[a-z], %7[a-z]: %7[a-z]", word, question, answer), 3);
    int i = 0;
    while (i < words->count && strcmp(words->text[i], word) != 0) i++;
    if (i == words->count) {
        assert_true(i < MOST);
        strcpy(words->text[words->count++], word);
    }
    char *means = words->means[i][strcmp(question, "use") == 0];
    if (*means) assert_string_equal(means, answer);
    strcpy(means, answer);
    if (strcmp(question, "size") == 0 && *words->means[i][1]) words->times[strcmp(words->means[i][1], "common") == 0]++;
}

static void words_keep_their_meaning_and_common_ones_stand_more_often(void **state) {
    (void)state;
    struct synth synth = open_family("lexicon", 1, 3, NULL);
    struct words *words = calloc(1, sizeof *words);
    assert_non_null(words);
    each_problem(&synth, 2000, check, words);
    assert_int_equal(words->count, 64);
    assert_true(words->times[1] > 6 * words->times[0] && words->times[1] < 10 * words->times[0]);
    free(words);
    synth_close(&synth);
}

/* By the form alone: o or u is large, four letters are common. */
static int told_by(const char *word, bool use) {
    int letters = 0;
    while (word[letters] != ',') letters++;
    return use ? letters == 4 : word[1] == 'o' || word[1] == 'u';
}

static void forms_tell_as_much_as_the_optimum_says(void **state) {
    (void)state;
    enum { ITEMS = 2000 };
    static const char *const rules[] = {"rule=0", "rule=1", "rule=2"};
    for (int rule = 0; rule < 3; rule++) {
        struct synth synth = open_family("lexicon", 3, 3, (const char *const[]){rules[rule], NULL});
        double right[2] = {0};
        int asked[2] = {0};
        for (int i = 0; i < ITEMS; i++) {
            json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
            const bool use = strcmp(string_of(item, "question"), "use") == 0;
            const int told = told_by(string_of(item, "context"), use);
            const char *answer = json_string_value(json_array_get(json_object_get(item, "choices"), (size_t)told));
            const char *name = use ? "acc@question=use" : "acc@question=size";
            const bool tells = rule == 2 || (rule == 0) == use;
            right[use] += measured("lexicon", item, answer, name);
            asked[use]++;
            assert_true(fabs(measured("lexicon", item, answer, "optimum") - (tells ? 0.8 : 0.5)) < 1e-12);
            assert_true(measured("lexicon", item, answer, "chance") == 0.5);
            json_decref(item);
        }
        for (int use = 0; use < 2; use++) {
            const double optimum = rule == 2 || (rule == 0) == use ? 0.8 : 0.5;
            assert_true(asked[use] > ITEMS / 3 &&
                        fabs(right[use] / asked[use] - optimum) < 0.06); /* 4 standard errors */
        }
        synth_close(&synth);
    }
}

static void more_words_than_there_are_are_refused(void **state) {
    (void)state;
    struct synth synth;
    assert_int_equal(
        synth_open(&synth, &family_lexicon, 1, (const char *const[]){"words=1024", "heldout=0.5"}, 2, 1, &error),
        LTM_INVALID);
    assert_says("too few for words = 1024; 784 would do");
    synth_close(&synth);
    synth = open_family("lexicon", 1, 1, (const char *const[]){"words=784", "heldout=0.5", NULL});
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_keep_their_meaning_and_common_ones_stand_more_often),
        cmocka_unit_test(forms_tell_as_much_as_the_optimum_says),
        cmocka_unit_test(more_words_than_there_are_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
