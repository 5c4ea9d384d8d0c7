/* The parts of the pages of a run and of a study. */
#pragma once

#include <stdio.h>

#include "base/progress.h"
#include "lab/picture.h"
#include "lab/run_curve.h"
#include "ltm/report.h"

struct report {
    FILE *out;
    const char *folder;          /* of the run or study, or the file of scores */
    char pictures[LTM_PATH_MAX]; /* folder of the SVG files */
    const struct ltm_report_options *options;
    const struct ltm_watch *watch;
    struct ltm_report_result *result;
    struct ltm_error failed; /* unless LTM_OK: why something was left out that is there; discard the page */
};

/* A picture with its caption and, folded, the table of its points; also as PICTURES/ID.svg. Writes nothing if there is
 * nothing to draw, only the table without gnuplot. Then frees the picture. */
ltm_status report_picture(struct report *report, struct picture *picture, struct ltm_error *error);

/* The page's beginning, named after the folder. */
void report_begin(struct report *report, const char *kind);

/* The label of one of several folders: its last part, or the whole path if another has the same. */
const char *report_name(const char *const *folders, int count, int which);

/* Says how to get pictures, if there is no gnuplot. */
void report_without_pictures(struct report *report);

/* "<h2>…" that a link can name. */
void report_heading(struct report *report, const char *id, const char *text);

/* A key figure within <dl class="figures">. */
void report_figure(struct report *report, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An important sentence. */
void report_note(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- The two kinds of page (report_run.c, report_study.c) ---- */

ltm_status report_run(struct report *report, struct ltm_error *error);
ltm_status report_study(struct report *report, struct ltm_error *error);

/* What a run's page has of a solver (report_puzzles.c); nothing where the folder has no puzzles.json. */
ltm_status report_puzzles(struct report *report, const struct run_curve *curve, struct ltm_error *error);

/* Of scores by positions that leave loops (report_depths.c). */
ltm_status report_depths(struct report *report, struct ltm_error *error);

/* Of several runs (report_runs.c). */
ltm_status report_runs(struct report *report, const char *const *folders, int count, struct ltm_error *error);

/* Of few-shot results (report_tasks.c), and whether a folder holds some. */
ltm_status report_tasks(struct report *report, const char *const *folders, int count, struct ltm_error *error);
bool report_is_tasks(const char *folder);

/* The same for a study's columns TASK:acc@NAME=NUMBER; nothing if there are none. */
struct study_table;
ltm_status report_study_tasks(struct report *report, const struct study_table *table, struct ltm_error *error);

/* The curves of a run, also used for a study's cells: loss with held-out bound, and KL. The pictures' ids start with
 * `prefix`; all = rates and speed too. */
ltm_status report_curves(struct report *report, const struct run_curve *curve, const char *prefix, bool all,
                         struct ltm_error *error);
