/* Reports: a run's or a study's curves, tables and fits as one HTML file that needs no network and no JavaScript, light
 * or dark like the reader's system, with its pictures as SVG files beside it. gnuplot draws the pictures; without it the
 * report has only its tables, and says so.
 *
 *     ltm_report("runs/width", NULL, NULL, &result, &error);   → runs/width/report.html, runs/width/report/NAME.svg
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ltm/config.h"
#include "ltm/fit.h"
#include "ltm/status.h"
#include "ltm/watch.h"

LTM_C_BEGIN

enum { LTM_REPORT_SCORES = 8, LTM_REPORT_BUDGETS = 8 };

struct ltm_report_options {
    const char *output;                   /* the HTML file; NULL = report.html in the folder */
    const char *score[LTM_REPORT_SCORES]; /* columns of results.csv to draw; the first is fitted */
    int scores;                           /* 0 = bound, and continuation if present */
    double budget[LTM_REPORT_BUDGETS];    /* FLOPs to give advice for */
    int budgets;                          /* 0 = the largest that the study spent on a cell */
    int refresh;                          /* seconds after which a browser reloads the page; 0 = never */
    struct ltm_fit_options fit;
};

void ltm_report_options_defaults(struct ltm_report_options *options);

struct ltm_report_result {
    char path[LTM_PATH_MAX]; /* of the HTML file */
    bool study;
    size_t cells, cells_done; /* of a study */
    int pictures;             /* drawn; 0 without gnuplot */
    bool gnuplot;             /* whether it is installed */
    bool fitted;
    char no_fit[512]; /* for a study: why it was not fitted, one sentence */
    struct ltm_fit_info fit;
    struct ltm_fit_answer answer[LTM_REPORT_BUDGETS];
    int answers;
    char no_answer[1024]; /* why the law gives no advice for some budgets, separated by semicolons; or empty */
};

/* path: a folder with results.csv (a study of ltm sweep), log.jsonl (a run of ltm train) or results_*.json (of ltm fewshot -o:
 * accuracy by length and by depth, which reports of studies with tasks have too), or a file of scores with depths
 * (ltm eval … eval.exit=state --json); the page for x.json is x.html, for x without .json it is x-report.html. options and watch
 * may be NULL. LTM_INVALID if it is none of them, or if a score is not a column of the table (the error names the nearest);
 * LTM_CORRUPT for a broken table. An impossible fit is not a failure. */
ltm_status ltm_report(const char *path, const struct ltm_report_options *options, const struct ltm_watch *watch,
                      struct ltm_report_result *result, struct ltm_error *error);

/* Several runs on one page: their curves in one picture, the settings that differ, their best bounds and the differences of those,
 * with paired errors if the runs scored the same held-out sequences (RUN/sequences.csv). The page is options->output, or
 * comparison.html here. LTM_INVALID if one is not a run. All paths may instead be folders of few-shot results. */
ltm_status ltm_report_runs(const char *const *paths, int count, const struct ltm_report_options *options,
                           const struct ltm_watch *watch, struct ltm_report_result *result, struct ltm_error *error);

LTM_C_END
