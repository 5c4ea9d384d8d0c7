/* What holds for every synthetic family: the same seed gives the same texts, tests are not in training, items are whole. */
#include "tasks/synth_unit.h"

enum { LOOK = 200 };

/* Of puzzles, which take longer to make, a tenth. */
static int some(const struct synth *synth, int count) { return synth->family->puzzles ? count / 10 : count; }

static void each_family(void (*check)(const struct synth *synth, const char *name, int difficulty)) {
    const struct ltm_synth_family *family;
    for (int i = 0; (family = ltm_synth_family_at(i)); i++)
        for (int difficulty = 1; difficulty <= LTM_SYNTH_LEVELS; difficulty++) {
            struct synth synth = open_family(family->name, difficulty, 7, NULL);
            check(&synth, family->name, difficulty);
            synth_close(&synth);
        }
}

static void check_repeats(const struct synth *synth, const char *name, int difficulty) {
    struct synth again = open_family(name, difficulty, 7, NULL);
    struct synth other = open_family(name, difficulty, 8, NULL);
    struct text a = {0};
    struct text b = {0};
    struct text c = {0};
    int differ = 0;
    for (int i = 0; i < 20; i++) {
        assert_ok(synth_document(synth, (uint64_t)i, &a, &error));
        assert_ok(synth_document(&again, (uint64_t)i, &b, &error));
        assert_ok(synth_document(&other, (uint64_t)i, &c, &error));
        assert_string_equal(a.data, b.data);
        differ += strcmp(a.data, c.data) != 0;
    }
    if (differ < 18) fail_msg("%s: another seed gives the same documents", name);
    json_t *x = item_of(synth, SYNTH_TEST, 3);
    json_t *y = item_of(&again, SYNTH_TEST, 3);
    json_t *z = item_of(synth, SYNTH_TRAIN, 3);
    assert_true(json_equal(x, y));
    assert_false(json_equal(x, z));
    json_decref(x), json_decref(y), json_decref(z);
    text_free(&a), text_free(&b), text_free(&c);
    synth_close(&again);
    synth_close(&other);
}

static void the_same_seed_gives_the_same_texts(void **state) {
    (void)state;
    each_family(check_repeats);
}

static void check_item(const struct synth *synth, const char *name, int difficulty) {
    (void)difficulty;
    for (int side = SYNTH_TRAIN; side <= SYNTH_TEST; side++)
        for (int i = 0; i < some(synth, LOOK); i++) {
            json_t *item = item_of(synth, (enum synth_side)side, (uint64_t)i);
            assert_true(strlen(string_of(item, "context")) > 0);
            if (strstr(string_of(item, "context"), "\n\n")) fail_msg("%s: a blank line within a problem", name);
            if (synth->family->choices) {
                const int choices = (int)json_array_size(json_object_get(item, "choices"));
                assert_true(choices >= 2 && integer_of(item, "gold") >= 0 && integer_of(item, "gold") < choices);
            } else
                assert_true(strlen(string_of(item, "answer")) > 0);
            json_decref(item);
        }
}

static void items_have_what_their_kind_needs(void **state) {
    (void)state;
    each_family(check_item);
}

struct looking {
    json_t *items[LOOK];
    int count;
    const char *name;
};

/* Whatever the answer is. */
static void look(const char *problem, void *user) {
    const struct looking *looking = user;
    for (int i = 0; i < looking->count; i++) {
        const char *context = string_of(looking->items[i], "context");
        if (strncmp(problem, context, strlen(context)) == 0)
            fail_msg("%s: in training too: %s", looking->name, problem);
    }
}

static void check_held_out(const struct synth *synth, const char *name, int difficulty) {
    (void)difficulty;
    struct looking looking = {.name = name, .count = some(synth, LOOK)};
    for (int i = 0; i < looking.count; i++) looking.items[i] = item_of(synth, SYNTH_TEST, (uint64_t)i);
    each_problem(synth, some(synth, 1000), look, &looking);
    for (int i = 0; i < looking.count; i++) json_decref(looking.items[i]);
}

static void no_test_item_is_in_training(void **state) {
    (void)state;
    each_family(check_held_out);
    struct synth hidden = open_family("hierarchy", 1, 7, (const char *const[]){"label=0", NULL});
    check_held_out(&hidden, "hierarchy, label = 0", 1);
    synth_close(&hidden);
}

/* What families hold out of a problem, whatever else it asks: lexicon a word, of both questions; iterate a problem, of every number of steps;
 * embers the words, of both variants of a pair. */
static void held_out_part(char *part, size_t room, const char *problem) {
    static const char *const pairs[] = {"rot13",    "rot12",     "letters", "vowels",
                                        "forwards", "backwards", "copy",    "reverse"};
    const char *steps = strstr(problem, " step");
    const char *equals = strstr(problem, " =");
    const char *comma = strchr(problem, ',');
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const size_t bytes = strlen(pairs[i]);
        if (strncmp(problem, pairs[i], bytes) != 0 || problem[bytes] != ':') continue;
        snprintf(part, room, "%d%.*s", (int)i / 2, (int)(equals - problem - (int)bytes), problem + bytes);
        if (i / 2 == 2 && part[3] > part[8]) { /* "2: t to o": from o to t, backwards */
            const char first = part[3];
            part[3] = part[8];
            part[8] = first;
        }
        return;
    }
    if (steps)
        while (steps > problem && *steps != ',') steps--;
    assert_non_null(steps ? steps : comma);
    snprintf(part, room, "%.*s", (int)((steps ? steps : comma) - problem), problem);
}

struct parts {
    char items[LOOK][200];
    int count, problems;
};

static void look_for_part(const char *problem, void *user) {
    struct parts *parts = user;
    char part[200];
    held_out_part(part, sizeof part, problem);
    parts->problems++;
    for (int i = 0; i < parts->count; i++) assert_string_not_equal(part, parts->items[i]);
}

static void what_is_held_out_is_so_in_every_question(void **state) {
    (void)state;
    static const char *const families[] = {"lexicon", "iterate", "embers"};
    for (int f = 0; f < 3; f++) {
        for (int difficulty = 1; difficulty <= 3; difficulty++) {
            struct synth synth = open_family(families[f], difficulty, 11, NULL);
            struct parts parts = {.count = LOOK};
            for (int i = 0; i < LOOK; i++) {
                json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
                held_out_part(parts.items[i], sizeof parts.items[i], string_of(item, "context"));
                json_decref(item);
            }
            each_problem(&synth, 2000, look_for_part, &parts);
            assert_true(parts.problems > 2000);
            synth_close(&synth);
        }
    }
}

static void wrong_knobs_are_refused_by_name(void **state) {
    (void)state;
    static const char *const wrong[][2] = {{"nois=0", "did you mean noise"},
                                           {"noise=2", "not a number from 0 to 0.9"},
                                           {"values=2.5", "not a whole number"},
                                           {"noise", "not of the form"}};
    for (int i = 0; i < 4; i++) {
        struct synth synth;
        assert_int_equal(synth_open(&synth, &family_stories, 1, &wrong[i][0], 1, 1, &error), LTM_INVALID);
        assert_says(wrong[i][1]);
        synth_close(&synth);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_texts),
        cmocka_unit_test(items_have_what_their_kind_needs),
        cmocka_unit_test(no_test_item_is_in_training),
        cmocka_unit_test(what_is_held_out_is_so_in_every_question),
        cmocka_unit_test(wrong_knobs_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
