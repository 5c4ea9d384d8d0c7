/* Compose: an independent interpreter comes to the same answers; held-out combinations are in no training text. */
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_are_an_interpreters_and_held_out_combinations_are_new)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
