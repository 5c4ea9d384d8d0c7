/* A line of a task's file of items, checked and put as the task's kind and format say. */
#ifndef TASKS_TASK_ITEMS_H
#define TASKS_TASK_ITEMS_H

#include "tasks/task.h"

/* Read the items of `path`. LTM_INVALID for none, or one that is not of the task's form, naming line and key. */
ltm_status task_items_read(struct task_items *items, const struct task *task, const char *path,
                           struct ltm_error *error);
void task_items_free(struct task_items *items);

#endif
