/* JSON out of files takes memory in proportion, or is refused in words. */
#include "support/unit.h"

#include <stdbool.h>

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
    struct ltm_error error = {0};
    json_t *json;
    assert_int_equal(json_read(&json, text, strlen(text), 0, &error), LTM_CORRUPT);
    assert_null(json);
    if (!strstr(error.message, part)) fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    assert_int_equal(json_read(&json, text, strlen(text), 0, NULL), LTM_CORRUPT);
    free(text);
}

static void assert_read(char *text) {
    struct ltm_error error = {0};
    json_t *json;
    if (json_read(&json, text, strlen(text), 0, &error) != LTM_OK) fail_msg("%s", error.message);
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
    json_t *json;
    assert_int_equal(json_read(&json, "", 0, 0, NULL), LTM_CORRUPT);
    assert_refused(repeated("\"", "\\", JSON_VALUES_MOST + 1, ""), "");
}

static void lines_are_named(void **state) {
    (void)state;
    assert_refused(repeated("[1,\n2,", "", 0, "\n}"), "line 3: ");
}

/* ---- Without memory ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

/* The sanitizer has malloc itself. */
static void readers_without_memory_say_so(void **state) {
    (void)state;
    skip();
}

static void nothing_incomplete_is_written(void **state) {
    (void)state;
    skip();
}

static void another_failure_keeps_its_sentence(void **state) {
    (void)state;
    skip();
}

#else

void *__libc_malloc(size_t bytes);

static long until_failure; /* 0 = none fails */
static bool lasting;

void *malloc(size_t bytes) {
    const bool fails = until_failure > 0 && --until_failure == 0;
    if (fails && lasting) until_failure = 1;
    return fails ? NULL : __libc_malloc(bytes);
}

/* Every allocation of a reading fails in turn, alone or with all later ones. */
static void assert_read_or_refused(const char *text, size_t bytes, size_t flags) {
    json_t *whole;
    assert_int_equal(json_read(&whole, text, bytes, flags, NULL), LTM_OK);
    for (int kind = 0; kind < 2; kind++) {
        ltm_status status = LTM_MEMORY;
        for (long n = 1; status != LTM_OK; n++) {
            struct ltm_error error = {0};
            json_t *json;
            until_failure = n;
            lasting = kind;
            status = json_read(&json, text, bytes, flags, &error);
            until_failure = 0;
            if (status == LTM_OK) {
                assert_true(json_equal(json, whole));
            } else {
                if (status != LTM_MEMORY) fail_msg("%s: allocation %ld, %d: %s", text, n, kind, error.message);
                assert_null(json);
                assert_non_null(strstr(error.message, "memory"));
            }
            json_decref(json);
        }
    }
    lasting = false;
    json_decref(whole);
}

/* jansson 2.14 by itself: a number of 15 digits ends at an assertion, a string of 14 bytes runs past its buffer, longer ones lose a byte. */
static void readers_without_memory_say_so(void **state) {
    (void)state;
    static const char digits[] = "1111111111111111111111111111111111111111111111111111111111111111111111111111111111";
    char text[300];
    for (int n = 1; n < 70; n++) {
        assert_read_or_refused(text, (size_t)sprintf(text, "[\"%.*s\"]", n, digits), 0);
        assert_read_or_refused(text, (size_t)sprintf(text, "[\"\\u00e9\303\251%.*s\"]", n, digits), 0);
        assert_read_or_refused(text, (size_t)sprintf(text, "{\"a\": {}, \"b\": [1.%.*s, true]}", n, digits), 0);
        if (n < 19) assert_read_or_refused(text, (size_t)sprintf(text, "[%.*s]", n, digits), 0);
        if (n < 19) assert_read_or_refused(text, (size_t)sprintf(text, "%.*s", n, digits), JSON_DECODE_ANY);
    }
    size_t used = (size_t)sprintf(text, "{");
    for (int i = 0; i < 20; i++) used += (size_t)sprintf(text + used, "%s\"%d\":%d", i ? "," : "", i, i);
    assert_read_or_refused(text, used + (size_t)sprintf(text + used, "}"), JSON_REJECT_DUPLICATES);
}

static void nothing_incomplete_is_written(void **state) {
    (void)state;
    json_t *value = json_object();
    until_failure = 1;
    assert_int_not_equal(json_object_set_new(value, "a", json_integer(1)), 0);
    assert_null(json_integer(2)); /* nor anything else, until it is told */
    assert_null(json_text(value, 0));
    char *text = json_text(value, JSON_COMPACT);
    assert_string_equal(text, "{}");
    free(text);
    struct ltm_error error = {0};
    until_failure = 1;
    assert_null(json_integer(1));
    assert_int_equal(json_memory("a value", &error), LTM_MEMORY);
    assert_int_equal(json_memory("a value", &error), LTM_OK);
    json_decref(value);
}

/* A failure's own sentence stays, whatever jansson has been refused before. */
static void another_failure_keeps_its_sentence(void **state) {
    (void)state;
    struct ltm_error error = {0};
    until_failure = 1;
    assert_null(json_integer(1));
    assert_int_equal(fail(&error, LTM_IO, "the disk is full"), LTM_IO);
    assert_string_equal(error.message, "the disk is full");
    assert_int_equal(json_memory("a value", NULL), LTM_MEMORY);
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_values_are_refused),
        cmocka_unit_test(what_stands_in_strings_is_no_value),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(nothing_is_no_json),
        cmocka_unit_test(lines_are_named),
        cmocka_unit_test(readers_without_memory_say_so),
        cmocka_unit_test(nothing_incomplete_is_written),
        cmocka_unit_test(another_failure_keeps_its_sentence),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
