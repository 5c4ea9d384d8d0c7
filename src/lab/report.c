#include "ltm/report.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "lab/gnuplot.h"
#include "lab/html.h"
#include "lab/report_parts.h"

void ltm_report_options_defaults(struct ltm_report_options *options) {
    *options = (struct ltm_report_options){0};
    ltm_fit_options_defaults(&options->fit);
}

void report_heading(struct report *report, const char *id, const char *text) {
    fprintf(report->out, "<h2 id=\"%s\">", id);
    html_text(report->out, text);
    fputs("</h2>\n", report->out);
}

void report_figure(struct report *report, const char *name, const char *format, ...) {
    char text[LTM_PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fputs("<div><dt>", report->out);
    html_text(report->out, name);
    fputs("</dt><dd>", report->out);
    html_text(report->out, text);
    fputs("</dd></div>\n", report->out);
}

void report_begin(struct report *report, const char *kind) {
    char *path = realpath(report->folder, NULL);
    const char *slash = path ? strrchr(path, '/') : NULL;
    html_begin(report->out, slash && slash[1] ? slash + 1 : report->folder, kind);
    free(path);
}

void report_without_pictures(struct report *report) {
    fputs("<p class=\"note\">There are no pictures, because gnuplot was not found; install it (Debian: gnuplot-nox) "
          "and run "
          "<code>ltm report</code> again. The tables are complete.</p>\n",
          report->out);
}

void report_progress(const struct report *report, const char *what, double done, double total) {
    if (report->watch && report->watch->progress)
        report->watch->progress(report->watch->user,
                                &(struct ltm_progress){.what = what, .done = done, .total = total});
}

/* ---- A picture ---- */

static bool has_errors(const struct picture *picture) {
    for (int i = 0; i < picture->count; i++)
        for (size_t k = 0; k < picture->series[i].count; k++)
            if (isfinite(picture->series[i].point[k].error)) return true;
    return false;
}

static void put_points(FILE *f, const struct picture *picture) {
    const bool errors = has_errors(picture);
    fputs("<details><summary>The same as a table</summary>\n<div class=\"scroll\"><table><caption>", f);
    html_text(f, picture->title);
    fputs("</caption><thead><tr><th scope=\"col\" class=\"text\">curve</th><th scope=\"col\">", f);
    html_text(f, picture->x_label);
    fputs("</th><th scope=\"col\">", f);
    html_text(f, picture->y_label);
    fputs(errors ? "</th><th scope=\"col\">standard error</th></tr></thead>\n<tbody>\n"
                 : "</th></tr></thead>\n<tbody>\n",
          f);
    for (int i = 0; i < picture->count; i++) {
        const struct picture_series *s = &picture->series[i];
        for (size_t k = 0; k < s->count && s->name[0]; k++) {
            fputs("<tr>", f);
            html_text_cell(f, s->name);
            html_number_cell(f, s->point[k].x, 6);
            html_number_cell(f, s->point[k].y, 5);
            if (errors) html_number_cell(f, s->point[k].error, 2);
            fputs("</tr>\n", f);
        }
    }
    fputs("</tbody></table></div></details>\n", f);
}

/* The file beside has the page's colours within it. */
static ltm_status write_svg(const struct report *report, const struct picture *picture, const char *svg,
                            struct ltm_error *error) {
    struct file_draft draft;
    char name[80];
    char path[LTM_PATH_MAX];
    const char *inside = strchr(svg, '>');
    snprintf(name, sizeof name, "%s.svg", picture->id);
    ltm_status status = path_join(path, sizeof path, report->pictures, name, error);
    if (status == LTM_OK) status = folder_create(report->pictures, error);
    if (status == LTM_OK) status = file_create(&draft, path, error);
    if (status != LTM_OK) return status;
    fwrite(svg, 1, (size_t)(inside + 1 - svg), draft.stream);
    html_svg_style(draft.stream);
    fputs(inside + 1, draft.stream);
    return file_commit(&draft, error);
}

ltm_status report_picture(struct report *report, const struct picture *picture, struct ltm_error *error) {
    char *svg = NULL;
    ltm_status status = picture_whole(picture, error);
    const size_t shown = picture_shown(picture);
    const size_t left_out = picture_left_out(picture);
    if (status != LTM_OK || shown + left_out == 0) return status;
    if (report->result->gnuplot && shown > 0) {
        if ((status = picture_svg(picture, &svg, error)) != LTM_OK) return status;
        status = write_svg(report, picture, svg, error);
        report->result->pictures++;
    }
    fputs("<figure>\n<h3>", report->out);
    html_text(report->out, picture->title);
    fputs("</h3>\n", report->out);
    if (svg) fprintf(report->out, "%s\n", svg);
    fputs("<figcaption>", report->out);
    html_text(report->out, picture->caption);
    if (left_out > 0)
        fprintf(
            report->out,
            " <strong>%zu point%s left out of the picture</strong>: an axis holds numbers up to 1e100, a logarithmic "
            "one from 1e-100.",
            left_out, left_out == 1 ? " is" : "s are");
    fputs("</figcaption>\n", report->out);
    put_points(report->out, picture);
    fputs("</figure>\n", report->out);
    free(svg);
    return status;
}

/* ---- The whole ---- */

/* FOLDER/report.html and FOLDER/report, or what -o says: a page x.html has its pictures in x/, others in NAME-pictures/. */
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

/* Pictures of an earlier page, which this one may not have. Only in the folder that is the report's own. */
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
        if (remove(path) != 0) {
            status = fail(error, LTM_IO, "cannot remove %s, a picture of an earlier report: %s", path, strerror(errno));
            goto cleanup;
        }
    }
cleanup:
    folder_list_free(names, count);
    return status;
}

static bool holds(const char *folder, const char *name) {
    char path[LTM_PATH_MAX];
    return path_join(path, sizeof path, folder, name, NULL) == LTM_OK && file_exists(path);
}

ltm_status ltm_report(const char *path, const struct ltm_report_options *options, const struct ltm_watch *watch,
                      struct ltm_report_result *result, struct ltm_error *error) {
    struct ltm_report_options fallback;
    struct file_draft draft;
    *result = (struct ltm_report_result){.gnuplot = gnuplot_available(), .study = holds(path, "results.csv")};
    ltm_report_options_defaults(&fallback);
    struct report report = {.folder = path, .options = options ? options : &fallback, .watch = watch, .result = result};
    if (!folder_exists(path)) return fail(error, LTM_INVALID, "%s is no folder; name a run's, or a study's", path);
    if (!result->study && !holds(path, "log.jsonl"))
        return fail(error, LTM_INVALID, "%s holds neither results.csv of a study nor log.jsonl of a run", path);
    ltm_status status = name_output(&report, error);
    if (status == LTM_OK) status = drop_old_pictures(&report, error);
    if (status == LTM_OK) status = file_create(&draft, result->path, error);
    if (status != LTM_OK) return status;
    report.out = draft.stream;
    status = result->study ? report_study(&report, error) : report_run(&report, error);
    if (status == LTM_OK) return file_commit(&draft, error);
    file_discard(&draft);
    return status;
}
