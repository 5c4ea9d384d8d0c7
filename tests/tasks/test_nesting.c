/* nesting: a stack that reads the words agrees with every verb of a text, and with what items say of it. */
#include "tasks/synth_unit.h"

struct reading {
    int depth, deepest, adjuncts; /* clauses; most of them open at a time; nouns behind the first that open none */
    bool plural[16];              /* of the nouns that are open */
    int last;   /* number of the last noun or verb but the last verb; -1 = there is none but the first noun */
    int answer; /* 1: the last verb is plural */
};

static bool ends_in_s(const char *word) { return word[strlen(word) - 1] == 's'; }

/* By words alone: "the" opens a noun, which a preposition before it keeps from having a verb; whatever else is no "that" and no adverb
 * is the verb of the noun opened last, and must agree with it. The last word is the first noun's verb. */
static void read_sentence(const char *text, struct reading *r) {
    static const char known[] = " near behind beside under ";
    static const char adverbs[] = " often never always rarely still also now soon ";
    char words[128][16];
    char spaced[24];
    int count = 0;
    for (int bytes; sscanf(text, " %15[a-z]%n", words[count], &bytes) == 1; text += bytes) count++;
    *r = (struct reading){.last = -1};
    int open = 0;
    for (int i = 0; i < count - 1; i++) {
        snprintf(spaced, sizeof spaced, " %s ", words[i]);
        if (strcmp(words[i], "that") == 0 || strstr(known, spaced) || strstr(adverbs, spaced)) continue;
        if (strcmp(words[i], "the") == 0) {
            i++;
            snprintf(spaced, sizeof spaced, " %s ", i > 1 ? words[i - 2] : "none");
            if (strstr(known, spaced))
                r->adjuncts++, r->last = ends_in_s(words[i]);
            else
                r->plural[open++] = ends_in_s(words[i]);
            if (open > r->deepest) r->deepest = open;
            continue;
        }
        assert_true(open > 1);
        assert_int_equal(ends_in_s(words[i]), !r->plural[--open]);
        r->last = !ends_in_s(words[i]);
    }
    assert_int_equal(open, 1);
    r->depth = r->deepest - 1;
    r->answer = !ends_in_s(words[count - 1]);
    assert_int_equal(r->answer, r->plural[0]);
}

static void check(const char *problem, void *user) {
    struct reading r;
    read_sentence(problem, &r);
    assert_true(r.depth <= 3 && r.adjuncts <= 2);
    ((int *)user)[r.depth]++;
}

static void every_verb_agrees(void **state) {
    (void)state;
    struct synth synth = open_family("nesting", 3, 3, NULL);
    int depths[4] = {0};
    each_problem(&synth, 500, check, depths);
    for (int d = 0; d < 4; d++) assert_true(depths[d] > 200);
    synth_close(&synth);
}

static void items_tell_depth_and_what_may_mislead(void **state) {
    (void)state;
    struct synth synth = open_family("nesting", 3, 3, NULL);
    int same = 0;
    int plural = 0;
    int others = 0;
    for (int i = 0; i < 600; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        const json_t *choices = json_object_get(item, "choices");
        const int gold = integer_of(item, "gold");
        const char *right = json_string_value(json_array_get(choices, (size_t)gold));
        const char *wrong = json_string_value(json_array_get(choices, (size_t)!gold));
        char text[1024];
        char name[40];
        struct reading r;
        snprintf(text, sizeof text, "%s %s", string_of(item, "context"), right);
        read_sentence(text, &r);
        assert_true(right[strlen(right) - 1] == '.' && wrong[strlen(wrong) - 1] == '.'); /* neither begins the other */
        assert_int_equal(strncmp(right, wrong, strlen(gold ? right : wrong) - 1), 0);
        assert_true(r.depth == integer_of(item, "depth") && r.adjuncts == integer_of(item, "adjuncts"));
        assert_string_equal(string_of(item, "attractor"), r.last < 0 ? "none" : r.last == gold ? "same" : "other");
        assert_string_equal(string_of(item, "range"), r.depth > 3 || r.adjuncts > 2 ? "beyond" : "trained");
        snprintf(name, sizeof name, "acc@depth=%d", r.depth);
        assert_true(measured("nesting", item, right, name) == 1 && measured("nesting", item, wrong, name) == 0);
        assert_true(measured("nesting", item, right, "chance") == 0.5);
        same += r.last == gold;
        others += r.last >= 0 && r.last != gold;
        plural += gold;
        json_decref(item);
    }
    assert_true(plural > 250 && plural < 350 && same > 220 &&
                others > 220); /* neither number nor attractor gives it away */
    synth_close(&synth);
}

static void depths_that_do_not_go_together_are_refused(void **state) {
    (void)state;
    struct synth synth;
    assert_int_equal(synth_open(&synth, &family_nesting, 3, (const char *const[]){"deeper=2"}, 1, 1, &error),
                     LTM_INVALID);
    assert_says("deeper = 2 is less than depth = 3");
    synth_close(&synth);
    assert_int_equal(synth_open(&synth, &family_nesting, 3, (const char *const[]){"longer=1"}, 1, 1, &error),
                     LTM_INVALID);
    assert_says("longer = 1 is less than adjuncts = 2");
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_agrees),
        cmocka_unit_test(items_tell_depth_and_what_may_mislead),
        cmocka_unit_test(depths_that_do_not_go_together_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
