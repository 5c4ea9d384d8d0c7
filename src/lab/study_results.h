/* results.csv and timings.csv: a row a cell. */
#pragma once

#include "lab/study.h"

/* Write results.csv and timings.csv of what is done, by whomever. */
ltm_status study_results_write(struct ltm_study *study, struct ltm_error *error);
