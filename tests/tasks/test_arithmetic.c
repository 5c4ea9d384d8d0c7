/* Arithmetic: an independent reading of the text comes to the same answers; shapes and numbers are held out. */
#include "tasks/synth_unit.h"

struct reading {
    char shape[8];
    long numbers[8], answer;
    int steps;
};

/* The story's own words, sentence by sentence, without a look at the answer. */
static struct reading read_question(const char *problem) {
    struct reading r = {{0}, {0}, 0, 0};
    const char *end = strstr(problem, " How many");
    assert_non_null(end);
    assert_int_equal(strncmp(problem, "Question: ", 10), 0);
    const char *at = strstr(problem, " has ");
    r.numbers[0] = r.answer = strtol(at + 5, NULL, 10);
    for (at = strchr(at, '.') + 1; at < end; at = strchr(at, '.') + 1) {
        char sentence[160] = {0};
        snprintf(sentence, sizeof sentence, "%.*s", (int)(strchr(at, '.') - at), at);
        const long number = strtol(strpbrk(sentence, "0123456789"), NULL, 10);
        char sign = '/';
        if (strstr(sentence, "more")) sign = '+';
        if (strstr(sentence, "gives") || strstr(sentence, "loses") || strstr(sentence, "sells")) sign = '-';
        if (strstr(sentence, "times")) sign = '*';
        if (sign == '/') assert_int_equal(r.answer % number, 0);
        r.answer = sign == '+'   ? r.answer + number
                   : sign == '-' ? r.answer - number
                   : sign == '*' ? r.answer * number
                                 : r.answer / number;
        r.shape[r.steps] = sign;
        r.numbers[++r.steps] = number;
    }
    return r;
}

struct seen {
    int problems;
    struct reading *all;
};

static void read_one(const char *problem, void *user) {
    struct seen *seen = user;
    const struct reading r = read_question(problem);
    char last[32];
    snprintf(last, sizeof last, "\n#### %ld", r.answer);
    if (!strstr(problem, last)) fail_msg("%s should end with %s", problem, last);
    assert_int_equal(strlen(strstr(problem, "####")), strlen(last) - 1);
    assert_true(r.answer >= 1 && r.answer <= 1000);
    seen->all[seen->problems++] = r;
}

static void texts_add_up_and_held_out_ones_are_not_in_training(void **state) {
    (void)state;
    struct synth synth = open_family("arithmetic", 3, 11, NULL);
    struct seen seen = {.all = calloc(20000, sizeof *seen.all)};
    int shapes = 0;
    int numbers = 0;
    int lengths[5] = {0};
    assert_non_null(seen.all);
    each_problem(&synth, 5000, read_one, &seen);
    for (int i = 0; i < seen.problems; i++) lengths[seen.all[i].steps]++;
    for (int steps = 1; steps <= 4; steps++) assert_true(lengths[steps] > seen.problems / 20);
    for (int i = 0; i < 200; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        const struct reading r = read_question(string_of(item, "context"));
        const bool by_shape = strcmp(string_of(item, "heldout"), "shape") == 0;
        bool shape_seen = false;
        assert_int_equal(r.answer, (long)json_real_value(json_object_get(json_object_get(item, "factors"), "answer")));
        for (int k = 0; k < seen.problems; k++) {
            const bool same_shape = strcmp(seen.all[k].shape, r.shape) == 0;
            shape_seen = shape_seen || same_shape;
            if (same_shape) assert_memory_not_equal(seen.all[k].numbers, r.numbers, sizeof r.numbers);
        }
        if (by_shape) assert_false(shape_seen);
        if (!by_shape && r.steps < 4) assert_true(shape_seen);
        shapes += by_shape;
        numbers += !by_shape;
        json_decref(item);
    }
    assert_true(shapes > 60 && numbers > 60);
    free(seen.all);
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_add_up_and_held_out_ones_are_not_in_training)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
