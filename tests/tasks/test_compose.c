/* Compose: an independent interpreter comes to the same answers; held-out combinations are in no training text. */
#include <math.h>

#include "tasks/synth_unit.h"

enum { ALPHABET = 26 }; /* of difficulty 3 */

/* On a string of letters, by words: reads "f g: a b c = d e f". */
static void interpret(const char *problem, char *result) {
    char letters[64] = {0};
    char out[64] = {0};
    char names[128];
    const char *at = strchr(problem, ':');
    snprintf(names, sizeof names, "%.*s", (int)(at - problem), problem);
    for (at += 1; *at && *at != '='; at++)
        if (*at != ' ') letters[strlen(letters)] = *at;
    const size_t n = strlen(letters);
    for (char *save, *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        memcpy(out, letters, sizeof out);
        for (size_t i = 0; i < n; i++) {
            if (!strcmp(name, "reverse")) out[i] = letters[n - 1 - i];
            if (!strcmp(name, "left")) out[i] = letters[(i + 1) % n];
            if (!strcmp(name, "right")) out[i] = letters[(i + n - 1) % n];
            if (!strcmp(name, "next")) out[i] = (char)('a' + (letters[i] - 'a' + 1) % ALPHABET);
            if (!strcmp(name, "before")) out[i] = (char)('a' + (letters[i] - 'a' + ALPHABET - 1) % ALPHABET);
        }
        if (!strcmp(name, "swap")) out[0] = letters[1], out[1] = letters[0];
        if (!strcmp(name, "ends")) out[0] = letters[n - 1], out[n - 1] = letters[0];
        if (!strcmp(name, "sort")) {
            size_t to = 0;
            for (char c = 'a'; c <= 'z'; c++)
                for (size_t i = 0; i < n; i++)
                    if (letters[i] == c) out[to++] = c;
        }
        memcpy(letters, out, sizeof letters);
    }
    for (size_t i = 0; i < n; i++) result[2 * i] = letters[i], result[2 * i + 1] = i + 1 < n ? ' ' : 0;
}

struct seen {
    char names[20000][64];
    int count;
};

static void check(const char *problem, void *user) {
    struct seen *seen = user;
    char result[130];
    interpret(problem, result);
    assert_string_equal(result, strstr(problem, "= ") + 2);
    snprintf(seen->names[seen->count++], 64, "%.*s", (int)(strchr(problem, ':') - problem), problem);
}

static void answers_are_an_interpreters_and_held_out_combinations_are_new(void **state) {
    (void)state;
    struct synth synth = open_family("compose", 3, 5, NULL);
    struct seen *seen = calloc(1, sizeof *seen);
    assert_non_null(seen);
    each_problem(&synth, 5000, check, seen);
    int heldout = 0;
    int found_seen = 0;
    int shallow = 0;
    for (int i = 0; i < 400; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        const char *context = string_of(item, "context");
        const char *kind = string_of(item, "combination");
        char name[64];
        char result[130];
        bool found = false;
        snprintf(name, sizeof name, "%.*s", (int)(strchr(context, ':') - context), context);
        interpret(context, result);
        assert_string_equal(result, string_of(item, "answer"));
        assert_true(measured("compose", item, result, "acc@combination=seen") == (strcmp(kind, "seen") ? -1 : 1));
        for (int k = 0; k < seen->count && !found; k++) found = strcmp(seen->names[k], name) == 0;
        if (strcmp(kind, "heldout") == 0) {
            assert_false(found);
            heldout++;
        } else if (integer_of(item, "depth") <= 2) { /* 8 + 64 of these: all are met */
            shallow++;
            found_seen += found;
        }
        json_decref(item);
    }
    assert_true(heldout > 130 && heldout < 270);
    assert_true(shallow > 20 && found_seen == shallow);
    free(seen);
    synth_close(&synth);
}

/* The functions of difficulty 3, in order. */
static const char *const words[] = {"reverse", "left", "right", "swap", "sort", "next", "before", "ends"};

/* A problem's as numbers, how many there are. */
static int functions_of(const char *problem, int functions[8]) {
    int count = 0;
    char word[16];
    for (int bytes; sscanf(problem, " %15[a-z]%n", word, &bytes) == 1; problem += bytes) {
        for (functions[count] = 0; strcmp(words[functions[count]], word) != 0;) functions[count]++;
        count++;
        if (problem[bytes] == ':') break;
    }
    return count;
}

/* Pairs of functions that stand in training, and whether any text mixes halves, or has the last function. */
struct pairs {
    bool pair[8][8], mixes, last;
};

static void look(const char *problem, void *user) {
    struct pairs *pairs = user;
    int f[8];
    const int count = functions_of(problem, f);
    if (count == 2) pairs->pair[f[0]][f[1]] = true;
    for (int i = 0; i < count; i++) {
        pairs->last = pairs->last || f[i] == 7;
        pairs->mixes = pairs->mixes || (f[i] < 4) != (f[0] < 4);
    }
}

/* Of pairs by all of training, else by what each split means. */
static int novelty_of(int split, const struct pairs *pairs, const int f[8], int count) {
    int first = 0;
    int last = 0;
    int nearest = 2;
    for (int i = 0; i < count; i++) first += f[i] < 4, last += f[i] == 7;
    if (split == 1) return first < count - first ? first : count - first;
    if (split == 2) return last;
    if (count > 2) return -1;
    for (int a = 0; a < 8; a++)
        for (int b = 0; b < 8; b++)
            if (pairs->pair[a][b] && (a != f[0]) + (b != f[1]) < nearest) nearest = (a != f[0]) + (b != f[1]);
    return nearest;
}

struct depths {
    int of[4];
};

static void count_depth(const char *problem, void *user) {
    int f[8];
    ((struct depths *)user)->of[functions_of(problem, f)]++;
}

/* Where one combination in ten is seen, depth 1 is most of training unless depths are to be even. */
static void depths_may_be_even(void **state) {
    (void)state;
    for (int even = 0; even < 2; even++) {
        struct synth synth =
            open_family("compose", 2, 5, (const char *const[]){even ? "even=1" : "even=0", "heldout=0.9", NULL});
        struct depths d = {{0}};
        each_problem(&synth, 300, count_depth, &d);
        const int all = d.of[1] + d.of[2] + d.of[3];
        for (int k = 1; k <= 3 && even; k++) assert_true(d.of[k] > all / 4 && d.of[k] < all / 2);
        assert_true(even || d.of[1] > 0.7 * all);
        synth_close(&synth);
    }
}

static void splits_hold_out_what_they_say_and_items_say_how_new_they_are(void **state) {
    (void)state;
    static const char *const splits[] = {"split=0", "split=1", "split=2"};
    for (int split = 0; split < 3; split++) {
        struct synth synth = open_family("compose", 3, 5, (const char *const[]){splits[split], "heldout=0.9", NULL});
        struct pairs pairs = {0};
        int heldout = 0;
        int farthest = 0;
        each_problem(&synth, split ? 1000 : 2000, look, &pairs);
        assert_true(pairs.mixes == (split != 1) && pairs.last == (split != 2));
        for (int i = 0; i < 400; i++) {
            json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
            int f[8];
            char name[48];
            const char *answer = string_of(item, "answer");
            const bool seen = strcmp(string_of(item, "combination"), "seen") == 0;
            const int count = functions_of(string_of(item, "context"), f);
            snprintf(name, sizeof name, "acc@combination=%s,complexity=%d", seen ? "seen" : "heldout", count);
            assert_true(measured("compose", item, answer, name) == 1);
            assert_true(measured("compose", item, answer, "optimum") == (split == 2 && !seen ? -1 : 1));
            const double chance = measured("compose", item, answer, "chance");
            assert_true(chance >= pow(8, -count) && chance < 0.6);
            if (!seen) {
                const int is = integer_of(item, "novelty");
                const int should = novelty_of(split, &pairs, f, count);
                assert_true(is >= 1 && (should < 0 || is == should));
                snprintf(name, sizeof name, "acc@combination=heldout,novelty=%d", is);
                assert_true(measured("compose", item, "x", name) == 0);
                if (is > farthest) farthest = is;
                heldout++;
            }
            json_decref(item);
        }
        assert_true(heldout > 130 && heldout < 270 && farthest > 1);
        synth_close(&synth);
    }
    struct synth synth;
    assert_int_equal(synth_open(&synth, &family_compose, 1, (const char *const[]){"split=1", "depth=1"}, 2, 1, &error),
                     LTM_INVALID);
    assert_says("split = 1 holds out combinations; make depth 2 or more");
    synth_close(&synth);
    assert_int_equal(
        synth_open(&synth, &family_compose, 1, (const char *const[]){"functions=8", "letters=3"}, 2, 1, &error),
        LTM_INVALID);
    assert_says("on lists of 3 letters reverse and ends are the same");
    synth_close(&synth);
}

/* Of all combinations of one and two functions. */
static void what_combinations_do_is_compared(void **state) {
    (void)state;
    static const char lists[][16] = {"a b c d e f", "f a e b d c", "z y x w v u", "c c a z b a", "b a d d e c"};
    struct synth synth = open_family("compose", 3, 5, (const char *const[]){"depth=2", "heldout=0.5", NULL});
    struct seen *seen = calloc(1, sizeof *seen);
    assert_non_null(seen);
    each_problem(&synth, 2000, check, seen);
    int count[2] = {0};
    for (int i = 0; i < 200; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        const char *context = string_of(item, "context");
        const char *list = strchr(context, ':');
        char problem[128];
        char result[130];
        int right = 0;
        int f[8];
        for (int k = 0; k < 64; k++) {
            snprintf(problem, sizeof problem, "%s %s%s", words[k / 8], words[k % 8], list);
            interpret(problem, result);
            right += strcmp(result, string_of(item, "answer")) == 0;
        }
        if (functions_of(context, f) == 2)
            assert_float_equal(measured("compose", item, "", "chance"), right / 64.0, 1e-9);
        if (strcmp(string_of(item, "combination"), "heldout") == 0) {
            bool known = false;
            for (int k = 0; k < seen->count && !known; k++) {
                known = true;
                for (size_t l = 0; l < sizeof lists / sizeof *lists && known; l++) {
                    char other[130];
                    snprintf(problem, sizeof problem, "%.*s: %s", (int)(list - context), context, lists[l]);
                    interpret(problem, result);
                    snprintf(problem, sizeof problem, "%s: %s", seen->names[k], lists[l]);
                    interpret(problem, other);
                    known = strcmp(result, other) == 0;
                }
            }
            assert_string_equal(string_of(item, "mapping"), known ? "known" : "new");
            snprintf(problem, sizeof problem, "acc@combination=heldout,mapping=%s", known ? "known" : "new");
            assert_true(measured("compose", item, string_of(item, "answer"), problem) == 1);
            count[known]++;
        }
        json_decref(item);
    }
    assert_true(count[0] > 20 && count[1] > 20);
    free(seen);
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_an_interpreters_and_held_out_combinations_are_new),
        cmocka_unit_test(what_combinations_do_is_compared),
        cmocka_unit_test(splits_hold_out_what_they_say_and_items_say_how_new_they_are),
        cmocka_unit_test(depths_may_be_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
