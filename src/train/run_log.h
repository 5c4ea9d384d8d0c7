/* log.jsonl of a run: one JSON object a line, for each slow step and each held-out scoring.
 *
 * A checkpoint remembers how long the log was; a resume cuts it back to there, so that no line is lost or repeated. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "ltm/train.h"

struct run_log {
    FILE *stream;
    char path[LTM_PATH_MAX];
};

/* Open run/log.jsonl and cut it back to its first `bytes` bytes. */
ltm_status run_log_open(struct run_log *log, const char *run, int64_t bytes, struct ltm_error *error);
void run_log_close(struct run_log *log);
ltm_status run_log_append(struct run_log *log, const struct ltm_train_record *record, struct ltm_error *error);

/* Bring it to the disk; *bytes becomes its length. */
ltm_status run_log_sync(struct run_log *log, int64_t *bytes, struct ltm_error *error);
