/* The scores of a study: the requests of [scores], and scoring a trained cell. */
#pragma once

#include <stdio.h>

#include "lab/study.h"

ltm_status study_take_score(struct ltm_study *study, const char *key, const char *value, struct ltm_error *error);

/* [scores] as lines that end with `end`. */
void study_print_scores(FILE *stream, const struct ltm_study *study, const char *end);

/* The requests of [scores] and keep as one text: results under a different one are recomputed. The caller frees it;
 * NULL if memory is short. */
char *study_scores_text(const struct ltm_study *study);

/* Whether every few-shot task can be read, checked before the first run. */
ltm_status study_check_tasks(const struct ltm_study *study, struct ltm_error *error);

/* Score a trained cell: "columns", "step", "scored_tokens" and "scoring_seconds" of `result`. */
ltm_status study_take_scores(json_t *result, const struct ltm_study *study, const struct study_cell *cell,
                             const struct ltm_watch *watch, struct ltm_error *error);
