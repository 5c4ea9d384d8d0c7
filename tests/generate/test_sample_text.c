/* Stops in text that comes in pieces: the text ends before the first, and no byte of one is handed on before that. */
#include "support/gradients.h"

#include "generate/sample_text.h"

/* Text that comes in pieces of `step` bytes; what is handed on, and whether a stop ended it. */
static bool write_in(char *out, const char *whole, size_t step, const char *const *stops, int count) {
    char bytes[80];
    struct sample_text text = {.text = bytes};
    bool stopped = false;
    size_t at = 0;
    const size_t all = strlen(whole);
    while (!stopped && at < all) {
        const size_t now = all - at < step ? all - at : step;
        memcpy(bytes + text.bytes, whole + at, now);
        text.bytes += now;
        at += now;
        stopped = sample_text_stop(&text, stops, count);
        const size_t ready = stopped ? text.bytes : sample_text_ready(&text, stops, count);
        assert_in_range(ready, text.told, text.bytes);
        text.told = ready;
    }
    memcpy(out, bytes, text.bytes);
    out[text.bytes] = 0;
    return stopped;
}

static void ends_before_the_first_stop(void **state) {
    (void)state;
    static const struct {
        const char *text, *stops[3], *wanted;
    } cases[] = {
        {"to be or not", {"or"}, "to be "},
        {"to be or not", {"to"}, ""},
        {"to be or not", {"nothing"}, NULL},
        {"aaab", {"aab"}, "a"},                     /* a stop that is begun over again */
        {"one\n\ntwo", {"\n\n\n", "\n\nt"}, "one"}, /* one that is not completed, beside one that is */
        {"xabcdex", {"cd", "bcde", "e"}, "xa"},     /* the first to begin, where all come in one piece */
        {"gr\xc3\xbc\xc3\x9f\x65", {"\xc3\x9f"}, "gr\xc3\xbc"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 20; step++) {
            char got[80];
            int count = 0;
            while (count < 3 && cases[i].stops[count]) count++;
            if (i == 5 && step < 6) continue; /* in smaller pieces "cd" is whole before the longer one is */
            assert_int_equal(write_in(got, cases[i].text, step, cases[i].stops, count), cases[i].wanted != NULL);
            assert_string_equal(got, cases[i].wanted ? cases[i].wanted : cases[i].text);
        }
}

static void nothing_of_a_stop_is_handed_on(void **state) {
    (void)state;
    static const char *const stops[] = {"stop"};
    char bytes[] = "so sto";
    struct sample_text text = {.text = bytes, .bytes = 6};
    assert_int_equal(sample_text_ready(&text, stops, 1), 3);
    assert_int_equal(sample_text_ready(&text, stops, 0), 6);
    text.bytes = 2; /* "so" begins no stop at its end */
    assert_int_equal(sample_text_ready(&text, stops, 1), 2);
    text.bytes = 1;
    assert_int_equal(sample_text_ready(&text, stops, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ends_before_the_first_stop),
                                       cmocka_unit_test(nothing_of_a_stop_is_handed_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
