/* A run's page, and the curves that a study's cells have as well. */
#ifndef LAB_REPORT_RUN_H
#define LAB_REPORT_RUN_H

#include "lab/report_page.h"
#include "lab/run_curve.h"

/* The curves of a run: loss with held-out bound, and KL. `prefix` begins the pictures' ids; all = rates and speed as well. */
ltm_status report_curves(struct report *report, const struct run_curve *curve, const char *prefix, bool all,
                         struct ltm_error *error);

ltm_status report_run(struct report *report, struct ltm_error *error);

#endif
