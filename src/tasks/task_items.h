/* The items of a task's file, one a line, each checked and put as the task's kind and format say. */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "base/error.h"

enum task_kind { TASK_CHOICES, TASK_GENERATE, TASK_LASTWORD, TASK_PAIRS, TASK_KINDS };
enum task_format { TASK_OWN, TASK_GSM8K, TASK_LAMBADA, TASK_BLIMP, TASK_FORMATS };

enum { TASK_ITEMS_MOST = 100 * 1000 * 1000 };

struct task_item {
    json_t *json;   /* the whole object */
    char *context;  /* "" where there is none */
    char **choices; /* [count]; NULL for generate and lastword */
    int count, gold;
    char *answer; /* what a shot shows: the gold choice, the answer, the last word */
};

struct task_items {
    struct task_item *all;
    int64_t count;
    size_t room;
};

/* Read the items of `path`. LTM_INVALID for none, or one that is not of the task's form, naming line and key. */
ltm_status task_items_read(struct task_items *items, enum task_kind kind, enum task_format format, const char *path,
                           struct ltm_error *error);
void task_items_free(struct task_items *items);
