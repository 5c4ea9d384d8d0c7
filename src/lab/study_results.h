/* results.csv and timings.csv: one row per cell. */
#pragma once

#include "lab/study.h"

/* Write results.csv and timings.csv of all finished cells, whichever process ran them. */
ltm_status study_results_write(struct ltm_study *study, struct ltm_error *error);
