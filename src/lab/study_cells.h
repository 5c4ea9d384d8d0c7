/* The cells of a study: all combinations of its axes, budgets and seeds, each run once. */
#ifndef LAB_STUDY_CELLS_H
#define LAB_STUDY_CELLS_H

#include "lab/study.h"

/* Make the cells of what was read. */
ltm_status study_make_cells(struct ltm_study *study, struct ltm_error *error);

#endif
