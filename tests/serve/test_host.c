/* Requests by names that are not the server's. */
#include "support/unit.h"

#include "serve/host.h"

static void test_known(void **state) {
    (void)state;
    static const char *const known[] = {"127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "[::1]",
                                        "localhost", "LocalHost:80",   "localhost.", "192.168.0.7:80",
                                        "box",       "box.lan:8080",   "lab.example"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!host_is_known(known[i], "Box", "box.lan,lab.example")) fail_msg("%s is refused", known[i]);
    assert_true(host_is_known(NULL, "127.0.0.1", NULL));
}

static void test_strange(void **state) {
    (void)state;
    static const char *const strange[] = {"",
                                          "evil.example",
                                          "evil.example:8080",
                                          "localhost.evil.example",
                                          "127.0.0.1.evil.example",
                                          "box.la",
                                          "box.lann",
                                          "lab.example,box.lan",
                                          "[evil.example]",
                                          "[::1",
                                          "[::1]x",
                                          "localhost:80x",
                                          "localhost:80:80",
                                          ":80",
                                          ".",
                                          "a b",
                                          "2130706433"};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        if (host_is_known(strange[i], "box", "box.lan,lab.example")) fail_msg("\"%s\" passes", strange[i]);
    assert_false(host_is_known("box", "127.0.0.1", NULL));
}

static void test_names(void **state) {
    (void)state;
    static const char *const good[] = {"", "box", "box.lan, lab.example", " a ,\tb ", "a,", "[::1]", "box,[fe80::1]"};
    static const char *const bad[] = {"box:8080", "a, box:8080", "::1",  "[::1]:80", "[box]",
                                      "a b",      "http://box/", "box.", "[",        "box.lan lab.example,c"};
    struct ltm_error error;
    assert_int_equal(host_names_check(NULL, &error), LTM_OK);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (host_names_check(good[i], &error) != LTM_OK) fail_msg("%s: %s", good[i], error.message);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (host_names_check(bad[i], &error) != LTM_INVALID) fail_msg("\"%s\" passes", bad[i]);
    assert_true(host_is_known("b:80", "box", " a ,\tb "));
    assert_true(host_is_known("A", "box", " a ,\tb "));
    assert_false(host_is_known("", "box", "a,, b"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_strange),
                                       cmocka_unit_test(test_names)};
    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
