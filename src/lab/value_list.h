/* Lists of values as a study's file has them: "64 128 192", "1, 2", "1..4", "0..96+24", "1..16*2". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { VALUE_LIST_MOST = 1000 };

struct value_list {
    char **values;
    size_t count;
};

/* Read `text` into the list (freeing its old values): values separated by spaces and commas, ranges expanded. `name` is
 * for messages. LTM_INVALID if there is none, for a range that does not step from its first value up to its last, or
 * for more than VALUE_LIST_MOST values. */
ltm_status value_list_parse(struct value_list *list, const char *name, const char *text, struct ltm_error *error);

/* The same for whole numbers of at least `least`, each once, as printed. */
ltm_status value_list_integers(struct value_list *list, const char *name, const char *text, int64_t least,
                               struct ltm_error *error);
void value_list_free(struct value_list *list);

bool value_list_has(const struct value_list *list, const char *value);
ltm_status value_list_add(struct value_list *list, const char *value, struct ltm_error *error); /* a copy */
