/* What a run does besides computing: begin, read its data, write checkpoints. */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#include <stdbool.h>

#include <jansson.h>

#include "ltm/config.h"

/* In a new folder under $TMPDIR (or /tmp), which is removed again:
 *   begin_seconds          from the call of ltm_train to the first slow step begun
 *   data_ns_per_token      reading sequences at random places of a corpus of 16 M tokens in the page cache, one thread
 *   checkpoint_seconds     writing a checkpoint (weights and moments), with all that makes it last, and its bytes */
json_t *bench_files(const struct ltm_model_config *model, int fast_steps, bool in_bf16);

#endif
