/* Statistics of texts against numbers counted by hand. */
#include <math.h>

#include "support/unit.h"

#include "ltm/samples.h"

static struct ltm_text text(const char *words) { return (struct ltm_text){.text = words, .bytes = strlen(words)}; }

static struct ltm_text_statistics statistics_of(const struct ltm_text *texts, size_t count) {
    struct ltm_text_statistics s;
    assert_int_equal(ltm_text_statistics(texts, count, &s, NULL), LTM_OK);
    return s;
}

static void near(double is, double should) {
    if (!(fabs(is - should) < 1e-12)) fail_msg("%.15g, not %.15g", is, should);
}

/* a b a b a | c a: a 4, b 2, c 1 of 7; pairs ab ba ab ba ca: 3 of 5; triples aba bab aba: 2 of 3; fours abab baba: 2 of 2. */
static void counted_by_hand(void **state) {
    (void)state;
    const struct ltm_text texts[] = {text("a b  a\nb a "), text("\tc a")};
    const struct ltm_text_statistics s = statistics_of(texts, 2);
    assert_int_equal(s.texts, 2);
    assert_int_equal(s.words, 7);
    assert_int_equal(s.bytes, 15);
    near(s.distinct[0], 3.0 / 7);
    near(s.distinct[1], 3.0 / 5);
    near(s.distinct[2], 2.0 / 3);
    near(s.distinct[3], 1);
    near(s.entropy, -(4.0 / 7 * log2(4.0 / 7) + 2.0 / 7 * log2(2.0 / 7) + 1.0 / 7 * log2(1.0 / 7)));
    near(s.repeated, 0);
    assert_int_equal(s.longest_repeat, 3); /* aba, at 0 and at 2 */
}

/* Repetition is within a text: the same text twice repeats nothing. */
static void repetition_is_within_a_text(void **state) {
    (void)state;
    const struct ltm_text twice[] = {text("one two three four five"), text("one two three four five")};
    const struct ltm_text_statistics s = statistics_of(twice, 2);
    near(s.repeated, 0);
    near(s.distinct[3], 0.5);
    assert_int_equal(s.longest_repeat, 0);
    const struct ltm_text loop = text("go go go go go go go"); /* 4 fours, one of them new */
    const struct ltm_text_statistics l = statistics_of(&loop, 1);
    near(l.repeated, 0.75);
    near(l.entropy, 0);
    assert_int_equal(l.longest_repeat, 6);
    const struct ltm_text apart = text("x a b c d y a b c d z"); /* 8 fours, abcd twice */
    const struct ltm_text_statistics t = statistics_of(&apart, 1);
    near(t.repeated, 1.0 / 8);
    assert_int_equal(t.longest_repeat, 4);
}

static void nothing_to_count_is_no_number(void **state) {
    (void)state;
    const struct ltm_text empty = text(" \n");
    const struct ltm_text one = text("word");
    const struct ltm_text_statistics s = statistics_of(&empty, 1);
    const struct ltm_text_statistics o = statistics_of(&one, 1);
    assert_true(isnan(s.distinct[0]) && isnan(s.entropy) && isnan(s.repeated));
    near(o.distinct[0], 1);
    near(o.entropy, 0);
    assert_true(isnan(o.distinct[1]) && o.longest_repeat == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_by_hand),
        cmocka_unit_test(repetition_is_within_a_text),
        cmocka_unit_test(nothing_to_count_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
