/* Progress of a running cell, read from its growing log.jsonl. */
#pragma once

#include "lab/study.h"

struct cell_log {
    char path[LTM_PATH_MAX];
    const struct study_cell *cell;
    long at;        /* read so far */
    double read_at; /* when: seldom, since a step takes a while */
    struct ltm_sweep_running running;
};

void cell_log_begin(struct cell_log *log, const struct study_cell *cell);

/* Update log->running from the cell's log, if it is time to look. */
void cell_log_follow(struct cell_log *log);
