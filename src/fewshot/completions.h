/* Generated texts for items with a "task_id", in the input format of programs that run code. */
#ifndef FEWSHOT_COMPLETIONS_H
#define FEWSHOT_COMPLETIONS_H

#include "base/error.h"

/* {"task_id": …, "completion": …} per line into `path`, for each text of each item in the lines of `samples`. */
ltm_status completions_write(const char *path, const char *samples, struct ltm_error *error);

#endif
