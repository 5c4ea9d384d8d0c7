/* The mean of several models' weights, as a checkpoint.
 *
 *     const char *of[] = {"runs/a", "runs/b/checkpoints/step-00000400"};
 *     ltm_average(of, 2, "averaged", &result, &error);   then ltm_model_open("averaged") */
#pragma once

#include <stdint.h>

#include "ltm/config.h"
#include "ltm/status.h"

LTM_C_BEGIN

struct ltm_average_result {
    int64_t step;    /* the highest of the models' steps, and the average's */
    int64_t weights; /* numbers averaged */
};

/* Write to `folder` the mean of the weights of `count` >= 2 checkpoints or runs (their best): summed in double in their order, stored in
 * float, with the configuration and the tokenizer of the first. It can be scored, sampled and trained from, but not resumed. LTM_MISMATCH, naming
 * the difference, if tokenizers, model settings or shapes differ; LTM_INVALID if the folder exists and is not empty. */
ltm_status ltm_average(const char *const *checkpoints, int count, const char *folder, struct ltm_average_result *result,
                       struct ltm_error *error);

LTM_C_END
