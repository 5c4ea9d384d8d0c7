/* A study's folder: identity of the study and state of its cells. */
#pragma once

#include "lab/study.h"

/* Create the folder, or check that it contains this study; settle the precision of products, which changes the bits;
 * write study.ini and base.ini. LTM_MISMATCH, also if another sweep runs there whose cells the study lacks. `sweep` (= -1 before): close()
 * it when the sweep ends. */
ltm_status study_folder_begin(struct ltm_study *study, int *sweep, struct ltm_error *error);

/* Read the state of a cell from its folder. A failure that is older than cell->failed_at counts as waiting. */
ltm_status study_cell_refresh(struct study_cell *cell, const struct ltm_study *study, struct ltm_error *error);

/* Retry a cell that failed in an earlier call. */
void study_cell_retry(struct study_cell *cell);

/* The identity of a corpus: the checksum of corpus.json, which contains those of its shards; empty for bare shards. */
void study_corpus_sum(char sum[17], const char *corpus);

/* Wait for a lock file and hold it; -1 if the file system has no locks: then nothing is locked. close() it. */
int study_lock(const char *path);
