/* What a study costs, and how its work is divided. */
#ifndef LAB_STUDY_ESTIMATE_H
#define LAB_STUDY_ESTIMATE_H

#include "lab/study.h"

int study_jobs(const struct ltm_study *study, const struct ltm_sweep_options *options);
bool study_in_shard(const struct study_cell *cell, const struct ltm_sweep_options *options);

/* Floating-point operations of a cell, scores included. */
double study_cell_work(const struct study_cell *cell);

#endif
