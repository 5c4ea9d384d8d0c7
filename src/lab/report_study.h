/* A study's page. */
#ifndef LAB_REPORT_STUDY_H
#define LAB_REPORT_STUDY_H

#include "lab/report_page.h"

ltm_status report_study(struct report *report, struct ltm_error *error);

#endif
