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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_strange)};
    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
