/* The fit of a study's scores, on its page. */
#pragma once

#include "lab/report_page.h"
#include "lab/study_table.h"

/* The fit of the first score: in words, its forms, constants, residuals and curves of equal compute. The page says if
 * no fit is possible. */
ltm_status study_fit(struct report *report, const struct study_table *table, const struct study_score *score,
                     struct ltm_error *error);
