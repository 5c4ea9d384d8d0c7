/* Embers: answers follow from the questions by a reading of their own; variants come as often as they are said to. */
#include <math.h>

#include "tasks/synth_unit.h"

struct counts {
    int all, rot13, rot12, vowels, backwards, reverse;
};

static void solve(const char *name, const char *asked, char *answer) {
    answer[0] = 0;
    if (strncmp(name, "rot", 3) == 0) {
        for (const char *c = asked; *c; c++, answer++)
            *answer = *c == ' ' ? ' ' : (char)('a' + (*c - 'a' + atoi(name + 3)) % 26);
        *answer = 0;
    } else if (strcmp(name, "letters") == 0 || strcmp(name, "vowels") == 0) {
        int count = 0;
        for (const char *c = asked; *c; c++) count += *c != ' ' && (name[0] == 'l' || strspn(c, "aeiou") > 0);
        sprintf(answer, "%d", count);
    } else if (strstr(name, "wards")) {
        const int from = (unsigned char)asked[0];
        const int to = (unsigned char)asked[5];
        const int step = from < to ? 1 : -1;
        assert_int_equal(step, name[0] == 'f' ? 1 : -1);
        for (int c = from;; c += step) {
            answer += sprintf(answer, "%c%s", c, c == to ? "" : " ");
            if (c == to) break;
        }
    } else if (strcmp(name, "copy") == 0)
        strcpy(answer, asked);
    else {
        char words[256];
        char *list[16];
        int n = 0;
        snprintf(words, sizeof words, "%s", asked);
        for (char *save, *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) list[n++] = word;
        while (n-- > 0) answer += sprintf(answer, "%s%s", list[n], n ? " " : "");
    }
}

static void check(const char *problem, void *user) {
    struct counts *counts = user;
    char name[16] = {0};
    char asked[256] = {0};
    char answer[512];
    assert_int_equal(sscanf(problem, "%15[^:]: %255[^=]", name, asked), 2);
    asked[strlen(asked) - 1] = 0; /* the blank before = */
    solve(name, asked, answer);
    assert_string_equal(answer, strstr(problem, "= ") + 2);
    counts->all++;
    counts->rot13 += !strcmp(name, "rot13");
    counts->rot12 += !strcmp(name, "rot12");
    counts->vowels += !strcmp(name, "vowels");
    counts->backwards += !strcmp(name, "backwards");
    counts->reverse += !strcmp(name, "reverse");
}

/* 10 % of a quarter: some 260 of 10,500 each, standard deviation 16. */
static void variants_come_as_often_as_the_knob_says(void **state) {
    (void)state;
    struct synth synth = open_family("embers", 1, 3, NULL);
    struct counts counts = {0};
    each_problem(&synth, 3000, check, &counts);
    const double rare = 0.025 * counts.all;
    assert_true(counts.all > 9000 && fabs(counts.rot13 - 9 * rare) < 260);
    assert_true(fabs(counts.rot12 - rare) < 90 && fabs(counts.vowels - rare) < 90);
    assert_true(fabs(counts.backwards - rare) < 90 && fabs(counts.reverse - rare) < 90);
    synth_close(&synth);
}

static void tests_ask_for_both_alike_and_know_the_answers_probability(void **state) {
    (void)state;
    struct synth synth = open_family("embers", 1, 3, NULL);
    int rare = 0;
    int likely = 0;
    int unlikely = 0;
    double logp[2] = {0, 0};
    for (int i = 0; i < 1000; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        json_t *is_likely = json_object_get(item, "answer_likely");
        const bool is_rare = strcmp(string_of(item, "frequency"), "rare") == 0;
        const char *answer = string_of(item, "answer");
        char padded[600];
        snprintf(padded, sizeof padded, " %s\n", answer);
        assert_true(measured("embers", item, padded, is_rare ? "acc@frequency=rare" : "acc@frequency=common") == 1);
        rare += is_rare;
        if (is_likely) {
            *(json_is_true(is_likely) ? &likely : &unlikely) += 1;
            const char *context = string_of(item, "context");
            if (strstr(context, "rot"))
                logp[json_is_true(is_likely)] += json_real_value(json_object_get(item, "answer_logp"));
            assert_true(measured("embers", item, "x",
                                 json_is_true(is_likely) ? "acc@answer=likely" : "acc@answer=unlikely") == 0);
        }
        json_decref(item);
    }
    assert_true(abs(rare - 500) < 100 && abs(likely - unlikely) < 140 && likely > 150);
    assert_true(logp[1] > logp[0] / 2); /* log p of some -4 against -11 */
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_come_as_often_as_the_knob_says),
        cmocka_unit_test(tests_ask_for_both_alike_and_know_the_answers_probability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
