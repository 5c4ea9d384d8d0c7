/* Stories: combinations of values are held out, each value is seen; the words of a story are those of its values. */
#include "tasks/synth_unit.h"

enum { ITEMS = 400, COMBINATIONS = 3 * 3 * 3 * 3 * 3 };

static int combination(json_t *numbers, const json_t *item) {
    const char *name;
    json_t *value;
    int code = 0;
    json_object_foreach(json_object_get(item, "factors"), name, value) {
        json_t *seen = json_object_get(numbers, name);
        if (!seen) json_object_set_new(numbers, name, seen = json_object());
        if (!json_object_get(seen, json_string_value(value)))
            json_object_set_new(seen, json_string_value(value), json_integer((json_int_t)json_object_size(seen)));
        code = code * 3 + (int)json_integer_value(json_object_get(seen, json_string_value(value)));
    }
    return code;
}

static void test_combinations_are_held_out_and_their_values_are_not(void **state) {
    (void)state;
    struct synth synth = open_family("stories", 1, 3, NULL);
    bool seen[2][COMBINATIONS] = {{false}};
    int train = 0;
    int test = 0;
    json_t *numbers = json_object();
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < (side ? ITEMS : 10 * ITEMS); i++) {
            json_t *item = item_of(&synth, side ? SYNTH_TEST : SYNTH_TRAIN, (uint64_t)i);
            seen[side][combination(numbers, item)] = true;
            json_decref(item);
        }
    for (int i = 0; i < COMBINATIONS; i++) {
        assert_false(seen[0][i] && seen[1][i]);
        train += seen[0][i];
        test += seen[1][i];
    }
    assert_int_equal(train + test, COMBINATIONS); /* 4,000 draws of some 194, 400 of some 49 */
    json_decref(numbers);
    synth_close(&synth);
}

/* A word of one value tells the value: among stories without noise none shows words of two values of a factor. */
static void without_noise_every_word_is_of_the_storys_values(void **state) {
    (void)state;
    static const char *const piers[] = {"pier", "nets", "boats", "gulls", "anchor"};
    struct synth synth = open_family("stories", 2, 3, (const char *const[]){"noise=0", NULL});
    int harbours = 0;
    for (int i = 0; i < ITEMS; i++) {
        json_t *item = item_of(&synth, SYNTH_TRAIN, (uint64_t)i);
        const bool harbour = strcmp(string_of(json_object_get(item, "factors"), "place"), "harbour") == 0;
        int found = 0;
        for (int w = 0; w < 5; w++) found += strstr(string_of(item, "document"), piers[w]) != NULL;
        assert_true(harbour == (found > 0));
        harbours += harbour;
        json_decref(item);
    }
    assert_true(harbours > ITEMS / 12 && harbours < ITEMS / 3);
    synth_close(&synth);
}

/* The wrong choices of `continue` differ from the right one; of `verdict`, gold says whether the end is the omens'. */
static void golds_are_right(void **state) {
    (void)state;
    static const char *const endings[][3] = {{"fire", "a fire", "flames"},      {"wedding", "married", "a wedding"},
                                             {"flood", "the water", "a flood"}, {"sleep", "asleep", "slept"},
                                             {"battle", "a battle", "fought"},  {"journey", "far lands", "journey"}};
    struct synth synth = open_family("stories", 2, 5, NULL);
    int verdicts = 0;
    int fits = 0;
    for (int i = 0; i < ITEMS; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        json_t *choices = json_object_get(item, "choices");
        const char *ending = string_of(json_object_get(item, "factors"), "ending");
        const int gold = integer_of(item, "gold");
        const bool verdict = strcmp(string_of(item, "form"), "verdict") == 0;
        const char *last = verdict ? strstr(string_of(item, "context"), "At last")
                                   : json_string_value(json_array_get(choices, (size_t)gold));
        bool told = false;
        for (int e = 0; e < 6; e++)
            if (strcmp(ending, endings[e][0]) == 0) told = strstr(last, endings[e][1]) || strstr(last, endings[e][2]);
        assert_true(verdict ? told == (gold == 1) : told);
        for (size_t a = 0; a < json_array_size(choices); a++)
            for (size_t b = 0; b < a; b++)
                assert_false(json_equal(json_array_get(choices, a), json_array_get(choices, b)));
        verdicts += verdict;
        fits += verdict && gold == 1;
        json_decref(item);
    }
    assert_true(abs(verdicts - ITEMS / 2) < 60 && abs(fits - verdicts / 2) < 45); /* six and more standard deviations */
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_combinations_are_held_out_and_their_values_are_not),
        cmocka_unit_test(without_noise_every_word_is_of_the_storys_values),
        cmocka_unit_test(golds_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
