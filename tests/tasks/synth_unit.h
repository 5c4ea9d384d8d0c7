/* What the tests of synthetic families share: a family set up, its documents and items one by one. */
#ifndef TESTS_TASKS_SYNTH_UNIT_H
#define TESTS_TASKS_SYNTH_UNIT_H

#include "support/error.h"
#include "support/unit.h"

#include "tasks/family.h"
#include "tasks/synth.h"

/* `knobs`: "name=value" …, NULL. */
static inline struct synth open_family(const char *name, int difficulty, uint64_t seed, const char *const *knobs) {
    struct synth synth;
    const struct synth_family *family = family_find(name);
    size_t count = 0;
    while (knobs && knobs[count]) count++;
    assert_non_null(family);
    assert_ok(synth_open(&synth, family, difficulty, knobs, count, seed, &error));
    return synth;
}

static inline json_t *item_of(const struct synth *synth, enum synth_side side, uint64_t index) {
    json_t *item = NULL;
    assert_ok(synth_item(synth, side, index, &item, &error));
    return item;
}

static inline const char *string_of(const json_t *item, const char *key) {
    const char *text = json_string_value(json_object_get(item, key));
    if (!text) fail_msg("an item has no text \"%s\"", key);
    return text;
}

static inline int integer_of(const json_t *item, const char *key) {
    const json_t *value = json_object_get(item, key);
    if (!json_is_integer(value)) fail_msg("an item has no number \"%s\"", key);
    return (int)json_integer_value(value);
}

/* Whether an output is the item's gold choice, or its answer but for blanks around it. */
static inline bool is_right(const json_t *item, const char *output) {
    static const char blanks[] = " \n";
    const json_t *choices = json_object_get(item, "choices");
    const char *gold = choices ? json_string_value(json_array_get(choices, (size_t)integer_of(item, "gold")))
                               : string_of(item, "answer");
    output += strspn(output, blanks);
    size_t bytes = strlen(output);
    while (bytes && strchr(blanks, output[bytes - 1])) bytes--;
    return strlen(gold) == bytes && memcmp(gold, output, bytes) == 0;
}

/* What the item's family measures of an output under a name; -1 where it does not. */
static inline double measured(const char *family, const json_t *item, const char *output, const char *name) {
    struct family_metric metrics[32];
    const int count = family_measure(family, item, output, is_right(item, output), metrics, 32);
    for (int i = 0; i < count; i++)
        if (strcmp(metrics[i].name, name) == 0) return metrics[i].value;
    return -1;
}

/* Calls `check` with each problem of each of the first `documents` documents, a text of its own. */
static inline void each_problem(const struct synth *synth, int documents,
                                void (*check)(const char *problem, void *user), void *user) {
    struct text document = {0};
    for (int i = 0; i < documents; i++) {
        assert_ok(synth_document(synth, (uint64_t)i, &document, &error));
        char *at = document.data;
        char *end;
        for (; at; at = end ? end + 2 : NULL) {
            end = strstr(at, "\n\n");
            if (end) *end = 0;
            check(at, user);
        }
    }
    text_free(&document);
}

#endif
