/* What was written for items that have a "task_id", as programs that run code take it. */
#ifndef FEWSHOT_COMPLETIONS_H
#define FEWSHOT_COMPLETIONS_H

#include "base/error.h"

/* {"task_id": …, "completion": …} a line into `path`, for each text of each item in the lines of `samples`. */
ltm_status completions_write(const char *path, const char *samples, struct ltm_error *error);

#endif
