/* A study's folder: what the study is, and how its cells stand. */
#pragma once

#include "lab/study.h"

/* Make the folder, or check that what it holds is this study; settle the precision of products, on which bits depend; write
 * study.ini and base.ini. LTM_MISMATCH. */
ltm_status study_folder_begin(struct ltm_study *study, struct ltm_error *error);

/* Learn from its folder how a cell stands. A failure that is older than cell->failed_at counts as waiting. */
ltm_status study_cell_refresh(struct study_cell *cell, const struct ltm_study *study, struct ltm_error *error);

/* Have a cell that failed in an earlier call tried again. */
void study_cell_retry(struct study_cell *cell);

/* What a corpus is known by, the checksum of corpus.json, which holds those of its shards; empty for bare shards. */
void study_corpus_sum(char sum[17], const char *corpus);

/* Wait for and hold a lock file; -1 where the file system has no locks, and then there is none. close() it. */
int study_lock(const char *path);
