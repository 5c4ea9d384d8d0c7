/* How far a running cell is: its log.jsonl, read as it grows. */
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

/* Bring log->running up to what the cell has written, if it is time to look. */
void cell_log_follow(struct cell_log *log);
