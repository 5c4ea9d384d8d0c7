/* Reports: a run's or a study's curves, tables and fits as one HTML file that asks nobody for anything and needs no
 * JavaScript, light or dark as the reader's system is, with its pictures as SVG files beside. Pictures are gnuplot's; where
 * there is none the report has its tables and says so.
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
    int scores;                           /* 0 = bound, and continuation where it was taken */
    double budget[LTM_REPORT_BUDGETS];    /* FLOPs, to be answered */
    int budgets;                          /* 0 = the largest that the study spent on a cell */
    int refresh;                          /* seconds after which a reader loads the page again; 0 = never */
    struct ltm_fit_options fit;
};

void ltm_report_options_defaults(struct ltm_report_options *options);

struct ltm_report_result {
    char path[LTM_PATH_MAX]; /* of the HTML file */
    bool study;
    size_t cells, cells_done; /* of a study */
    int pictures;             /* drawn; 0 where there is no gnuplot */
    bool gnuplot;             /* whether there is one */
    bool fitted;
    char no_fit[512]; /* why not, one sentence, where it could have been */
    struct ltm_fit_info fit;
    struct ltm_fit_answer answer[LTM_REPORT_BUDGETS];
    int answers;
    char no_answer[1024]; /* why the law says nothing of budgets, between semicolons, where it does not */
};

/* path: a folder with results.csv (a study, as ltm sweep leaves it), log.jsonl (a run, as ltm train does) or results_*.json
 * (ltm fewshot -o: accuracy by length and by depth, which a study that took tasks has too), or a file of scores with depths
 * (ltm eval … eval.exit=state --json), of which x.json has its page in x.html, x without .json in x-report.html. options and watch
 * may be NULL. LTM_INVALID when it is none of them, or a score is no column of the table (the nearest is named); LTM_CORRUPT for a
 * table that is broken. That a fit is not possible is no failure. */
ltm_status ltm_report(const char *path, const struct ltm_report_options *options, const struct ltm_watch *watch,
                      struct ltm_report_result *result, struct ltm_error *error);

/* Several runs on one page: their curves in one picture, the settings in which they differ, their best bounds and how far those are
 * apart, with paired errors where the runs scored the same held-out sequences (RUN/sequences.csv). The page is options->output, or
 * comparison.html here. LTM_INVALID where one is no run. Folders of few-shot results may take the runs' place: all of them, or none. */
ltm_status ltm_report_runs(const char *const *paths, int count, const struct ltm_report_options *options,
                           const struct ltm_watch *watch, struct ltm_report_result *result, struct ltm_error *error);

LTM_C_END
