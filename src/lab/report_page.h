/* What the pages of a run and of a study are made of. */
#ifndef LAB_REPORT_PAGE_H
#define LAB_REPORT_PAGE_H

#include <stdio.h>

#include "lab/picture.h"
#include "ltm/report.h"

struct report {
    FILE *out;
    const char *folder;          /* of the run or study */
    char pictures[LTM_PATH_MAX]; /* folder of the SVG files */
    const struct ltm_report_options *options;
    const struct ltm_watch *watch;
    struct ltm_report_result *result;
};

/* A picture with its caption and, folded, the table of its points; also as PICTURES/ID.svg. Nothing where there is nothing to
 * draw, the table alone where there is no gnuplot. */
ltm_status report_picture(struct report *report, const struct picture *picture, struct ltm_error *error);

/* The page's beginning, named after the folder. */
void report_begin(struct report *report, const char *kind);

/* Says how to get pictures, where there is no gnuplot. */
void report_without_pictures(struct report *report);

/* "<h2>…" that a link can name. */
void report_heading(struct report *report, const char *id, const char *text);

/* A key figure within <dl class="figures">. */
void report_figure(struct report *report, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A sentence that is not to be missed. */
void report_note(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

void report_progress(const struct report *report, const char *what, double done, double total);

#endif
