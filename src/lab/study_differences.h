/* Differences between a study's cells. */
#pragma once

#include "lab/report_page.h"
#include "lab/study_table.h"

/* Score of group a minus that of b, with the error of their difference: paired if the cells of both scored the same
 * sequences (*paired is then true), otherwise combined from both scores. Both include the spread of seeds. */
struct study_value study_difference(struct report *report, const struct study_table *table,
                                    const struct study_score *score, size_t a, size_t b, bool *paired);

/* Whether groups differ in a column of axes or budgets. */
bool study_differs(const struct study_table *table, size_t column);

/* A table of the best groups by a score: their differing settings, the score, and the difference from the best. */
void study_ranking(struct report *report, const struct study_table *table, const struct study_score *score);
