/* The items of a task's file, one a line, each checked and converted by the task's kind and format. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"
#include "tasks/template.h"

enum task_kind { TASK_CHOICES, TASK_GENERATE, TASK_LASTWORD, TASK_PAIRS, TASK_KINDS };
enum task_format { TASK_OWN, TASK_GSM8K, TASK_LAMBADA, TASK_BLIMP, TASK_COQA, TASK_FORMATS };

enum { TASK_ITEMS_MOST = 100 * 1000 * 1000 };

/* How an item's object is read: by its kind and format, or by templates (tasks/template.h; "" = none). */
struct task_form {
    enum task_kind kind;
    enum task_format format;
    const char *context, *contexts, *choices, *labels, *gold, *answer;
    bool header;  /* a table's first line names its columns */
    bool wikihow; /* texts are cleaned as the harness cleans HellaSwag's */
};

struct task_item {
    json_t *json;  /* the whole object */
    char *context; /* "" where there is none */
    char **
        contexts; /* [count] where each choice stands behind one of its own, of which `context` is the gold one's; else NULL */
    char **choices; /* [count]; NULL for generate and lastword */
    int count, gold;
    char *answer;              /* shown in a shot: the gold choice, the (first) answer, the last word */
    struct text_list accepted; /* generate: all answers that are right; none = `answer` alone */
};

struct task_items {
    struct task_item *all;
    int64_t count;
    size_t room;
};

/* Read the items of `path`; the n-th line of the file `golds` (NULL = none) becomes the "label" of the n-th. LTM_INVALID for none, or one
 * that is not of the task's form, naming line and key. */
ltm_status task_items_read(struct task_items *items, const struct task_form *form, const char *path, const char *golds,
                           struct ltm_error *error);
void task_items_free(struct task_items *items);
