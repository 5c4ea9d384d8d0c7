/* JSON out of files takes memory in proportion, or is refused in words. */
#include "support/unit.h"

#include "base/json.h"

static char *repeated(const char *begin, const char *unit, size_t times, const char *end) {
    const size_t bytes = strlen(unit);
    const size_t first = strlen(begin);
    char *text = malloc(first + times * bytes + strlen(end) + 1);
    assert_non_null(text);
    strcpy(text, begin);
    for (size_t i = 0; i < times; i++) memcpy(text + first + i * bytes, unit, bytes);
    strcpy(text + first + times * bytes, end);
    return text;
}

static void assert_refused(char *text, const char *part) {
    json_error_t bad;
    assert_null(json_read(text, strlen(text), 0, &bad));
    if (!strstr(bad.text, part)) fail_msg("\"%s\" does not say \"%s\"", bad.text, part);
    assert_null(json_read(text, strlen(text), 0, NULL));
    free(text);
}

static void assert_read(char *text) {
    json_error_t bad;
    json_t *json = json_read(text, strlen(text), 0, &bad);
    if (!json) fail_msg("%s", bad.text);
    json_decref(json);
    free(text);
}

static void many_values_are_refused(void **state) {
    (void)state;
    assert_refused(repeated("[0", ",[]", JSON_VALUES_MOST, "]"), "more than 1048576 values");
    assert_refused(repeated("[0", ",0", JSON_VALUES_MOST, "]"), "more than 1048576 values");
    assert_read(repeated("[0", ",0", JSON_VALUES_MOST - 2, "]"));
}

static void what_stands_in_strings_is_no_value(void **state) {
    (void)state;
    assert_read(repeated("[\"\\\"", ",[\\\\:{", JSON_VALUES_MOST, "\"]"));
    assert_read(repeated("{\"a\": \"", "\\\\\\\"", JSON_VALUES_MOST, "\"}"));
}

static void depth_is_limited(void **state) {
    (void)state;
    assert_refused(repeated("", "[", 100000, ""), "depth");
    assert_refused(repeated("", "{\"a\":", 100000, ""), "depth");
}

static void nothing_is_no_json(void **state) {
    (void)state;
    assert_null(json_read("", 0, 0, NULL));
    assert_refused(repeated("\"", "\\", JSON_VALUES_MOST + 1, ""), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_values_are_refused),
        cmocka_unit_test(what_stands_in_strings_is_no_value),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(nothing_is_no_json),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
