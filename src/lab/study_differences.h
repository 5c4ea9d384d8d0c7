/* Differences between a study's cells. */
#pragma once

#include "lab/report_page.h"
#include "lab/study_table.h"

/* Score of group a less that of b, with the error of their difference: paired where the cells of both scored the same sequences, which
 * *paired then says, else of both scores together. Seeds spread in both. */
struct study_value study_difference(struct report *report, const struct study_table *table,
                                    const struct study_score *score, size_t a, size_t b, bool *paired);

/* Whether groups differ in a column of axes or budgets. */
bool study_differs(const struct study_table *table, size_t column);

/* A table of the best groups by a score: what they differ in, the score, and how far behind the best they are. */
void study_ranking(struct report *report, const struct study_table *table, const struct study_score *score);
