/* What a run leaves, read and compared. */
#ifndef TESTS_RUNS_H
#define TESTS_RUNS_H

#include <jansson.h>

#include "support/unit.h"

#include "base/files.h"

/* The objects of a .jsonl file. */
static inline json_t *test_json_lines(const char *path) {
    json_t *lines = json_array();
    char *text;
    char *rest;
    size_t bytes;
    assert_int_equal(file_read_text(&text, &bytes, path, 1 << 24, NULL), LTM_OK);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (json_array_append_new(lines, json_loads(line, 0, NULL)) != 0) fail_msg("%s: no JSON: %s", path, line);
    free(text);
    return lines;
}

/* Take away what a clock wrote, and sums of it. */
static inline void test_drop_clock(json_t *record) {
    static const char *const clock[] = {"seconds", "tokens_per_second", "utilisation", "log_bytes", "checksum"};
    for (size_t i = 0; i < sizeof clock / sizeof *clock; i++) json_object_del(record, clock[i]);
}

/* A run's log without that. */
static inline json_t *test_log(const char *run) {
    char path[1100];
    size_t i;
    json_t *record;
    snprintf(path, sizeof path, "%s/log.jsonl", run);
    json_t *lines = test_json_lines(path);
    json_array_foreach(lines, i, record) test_drop_clock(record);
    return lines;
}

static inline void test_same_json(const json_t *a, const json_t *b, const char *what) {
    if (json_equal(a, b)) return;
    char *text_a = a ? json_dumps(a, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    char *text_b = b ? json_dumps(b, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    fail_msg("%s differ:\n%s\n%s", what, text_a ? text_a : "none", text_b ? text_b : "none");
}

/* Line by line. What differs is told with its number, so a lost line and one that stands twice show as such. */
static inline void test_same_logs(const char *run_a, const char *run_b) {
    json_t *a = test_log(run_a);
    json_t *b = test_log(run_b);
    for (size_t i = 0; i < json_array_size(a) || i < json_array_size(b); i++) {
        char line[64];
        snprintf(line, sizeof line, "lines %zu of the logs", i + 1);
        test_same_json(json_array_get(a, i), json_array_get(b, i), line);
    }
    json_decref(a);
    json_decref(b);
}

/* From a byte on. */
static inline void test_same_bytes(const char *a, const char *b, size_t from_a, size_t from_b) {
    struct file_map map_a;
    struct file_map map_b;
    assert_int_equal(file_map(&map_a, a, NULL), LTM_OK);
    assert_int_equal(file_map(&map_b, b, NULL), LTM_OK);
    if (map_a.size - from_a != map_b.size - from_b ||
        (map_a.size > from_a && memcmp(map_a.data + from_a, map_b.data + from_b, map_a.size - from_a) != 0))
        fail_msg("%s and %s differ", a, b);
    file_unmap(&map_a);
    file_unmap(&map_b);
}

#endif
