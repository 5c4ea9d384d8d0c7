#include "ltm/report.h"

#include <errno.h>
#include <string.h>

#include "base/files.h"
#include "lab/gnuplot.h"
#include "lab/report_page.h"

void ltm_report_options_defaults(struct ltm_report_options *options) {
    *options = (struct ltm_report_options){0};
    ltm_fit_options_defaults(&options->fit);
}

/* FOLDER/report.html and FOLDER/report, or the path of -o: a page x.html has its pictures in x/, others in
 * NAME-pictures/. */
static ltm_status name_output(struct report *report, struct ltm_error *error) {
    char *path = report->result->path;
    ltm_status status = LTM_OK;
    if (!report->options->output)
        status = path_join(path, LTM_PATH_MAX, report->folder, "report.html", error);
    else if (snprintf(path, LTM_PATH_MAX, "%s", report->options->output) >= LTM_PATH_MAX)
        status = fail(error, LTM_INVALID, "the path %.60s… is too long", report->options->output);
    if (status != LTM_OK) return status;
    const size_t length = strlen(path);
    const bool html = length > 5 && strcmp(path + length - 5, ".html") == 0 && path[length - 6] != '/';
    if (snprintf(report->pictures, sizeof report->pictures, "%.*s%s", (int)(html ? length - 5 : length), path,
                 html ? "" : "-pictures") >= (int)sizeof report->pictures)
        return fail(error, LTM_INVALID, "the path %.60s… is too long", path);
    return LTM_OK;
}

/* Remove pictures of an earlier page, which this one may lack. Only in the report's own folder. */
static ltm_status drop_old_pictures(const struct report *report, struct ltm_error *error) {
    char **names = NULL;
    size_t count = 0;
    ltm_status status = LTM_OK;
    if (report->options->output || !report->result->gnuplot || !folder_exists(report->pictures)) return LTM_OK;
    TRY(folder_list(&names, &count, report->pictures, error));
    for (size_t i = 0; i < count; i++) {
        char path[LTM_PATH_MAX];
        const char *end = strrchr(names[i], '.');
        if (!end || strcmp(end, ".svg") != 0) continue;
        TRY(path_join(path, sizeof path, report->pictures, names[i], error));
        if (remove(path) != 0)
            TRY(fail(error, LTM_IO, "cannot remove %s, a picture of an earlier report: %s", path, strerror(errno)));
    }
cleanup:
    folder_list_free(names, count);
    return status;
}

static bool holds(const char *folder, const char *name) {
    char path[LTM_PATH_MAX];
    return path_join(path, sizeof path, folder, name, NULL) == LTM_OK && file_exists(path);
}

/* The page for the kind of folder, or for several `runs`; a folder with both a run and few-shot results is a run's. */
static ltm_status write_body(struct report *report, const char *const *runs, int count, struct ltm_error *error) {
    const char *first = count ? runs[0] : report->folder;
    const bool trained = holds(first, "results.csv") || holds(first, "log.jsonl");
    if (!trained && report_is_tasks(first))
        return count ? report_tasks(report, runs, count, error) : report_tasks(report, &report->folder, 1, error);
    if (count) return report_runs(report, runs, count, error);
    if (report->result->study) return report_study(report, error);
    if (file_exists(report->folder)) return report_depths(report, error);
    return report_run(report, error);
}

static ltm_status write_page(struct report *report, const char *const *runs, int count, struct ltm_error *error) {
    struct file_draft draft;
    PASS_UP(name_output(report, error));
    PASS_UP(drop_old_pictures(report, error));
    PASS_UP(file_create(&draft, report->result->path, error));
    report->out = draft.stream;
    ltm_status status = write_body(report, runs, count, error);
    if (status == LTM_OK && report->failed.code != LTM_OK) status = fail_with(error, &report->failed);
    if (status == LTM_OK) return file_commit(&draft, error);
    file_discard(&draft);
    return status;
}

/* Of scores in x.json: x.html. Of those in another file, x: x-report.html, because x.html would put its pictures in a
 * folder x. */
static ltm_status report_scores(const char *path, const struct report *asked, struct ltm_error *error) {
    char page[LTM_PATH_MAX];
    struct ltm_report_options own = *asked->options;
    struct report report = *asked;
    const char *end = strrchr(path, '.');
    const bool json = end && strcmp(end, ".json") == 0;
    const size_t stem = json ? (size_t)(end - path) : strlen(path);
    if (snprintf(page, sizeof page, "%.*s%s.html", (int)stem, path, json ? "" : "-report") >= (int)sizeof page)
        return fail(error, LTM_INVALID, "the path %.60s… is too long", path);
    if (!own.output) own.output = page;
    report.options = &own;
    return write_page(&report, NULL, 0, error);
}

ltm_status ltm_report(const char *path, const struct ltm_report_options *options, const struct ltm_watch *watch,
                      struct ltm_report_result *result, struct ltm_error *error) {
    struct ltm_report_options fallback;
    *result = (struct ltm_report_result){.gnuplot = gnuplot_available(), .study = holds(path, "results.csv")};
    ltm_report_options_defaults(&fallback);
    struct report report = {.folder = path, .options = options ? options : &fallback, .watch = watch, .result = result};
    if (file_exists(path)) return report_scores(path, &report, error);
    if (!folder_exists(path))
        return fail(error, LTM_INVALID, "%s is not a folder; give the folder of a run or a study", path);
    if (!result->study && !holds(path, "log.jsonl") && !report_is_tasks(path))
        return fail(
            error, LTM_INVALID,
            "%s contains neither results.csv of a study, nor log.jsonl of a run, nor results_*.json of ltm fewshot",
            path);
    return write_page(&report, NULL, 0, error);
}

ltm_status ltm_report_runs(const char *const *paths, int count, const struct ltm_report_options *options,
                           const struct ltm_watch *watch, struct ltm_report_result *result, struct ltm_error *error) {
    struct ltm_report_options own;
    *result = (struct ltm_report_result){.gnuplot = gnuplot_available()};
    ltm_report_options_defaults(&own);
    if (options) own = *options;
    if (!own.output) own.output = "comparison.html";
    struct report report = {.options = &own, .watch = watch, .result = result};
    return write_page(&report, paths, count, error);
}
