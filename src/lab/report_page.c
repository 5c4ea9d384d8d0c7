#include "lab/report_page.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "lab/html.h"

void report_heading(struct report *report, const char *id, const char *text) {
    html_print(report->out, "<h2 id=\"%s\">%s</h2>\n", id, text);
}

void report_figure(struct report *report, const char *name, const char *format, ...) {
    char text[LTM_PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    html_print(report->out, "<div><dt>%s</dt><dd>%s</dd></div>\n", name, text);
}

void report_note(struct report *report, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fputs("<p class=\"note\">", report->out);
    html_text(report->out, text);
    fputs("</p>\n", report->out);
}

static const char *last_part(const char *folder) {
    const char *slash = strrchr(folder, '/');
    return slash && slash[1] ? slash + 1 : folder;
}

const char *report_name(const char *const *folders, int count, int which) {
    const char *name = last_part(folders[which]);
    for (int k = 0; k < count; k++)
        if (k != which && strcmp(last_part(folders[k]), name) == 0) return folders[which];
    return name;
}

void report_begin(struct report *report, const char *kind) {
    char *path = realpath(report->folder, NULL);
    const char *slash = path ? strrchr(path, '/') : NULL;
    html_begin(report->out, slash && slash[1] ? slash + 1 : report->folder, kind, report->options->refresh);
    free(path);
}

void report_without_pictures(struct report *report) {
    fputs("<p class=\"note\">There are no pictures because gnuplot was not found; install it (Debian: gnuplot-nox) "
          "and run <code>ltm report</code> again. The tables are complete.</p>\n",
          report->out);
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
    html_print(f,
               "<details><summary>The same as a table</summary>\n<div class=\"scroll\"><table><caption>%s</caption>"
               "<thead><tr><th scope=\"col\" class=\"text\">curve</th><th scope=\"col\">%s</th><th scope=\"col\">%s",
               picture->title, picture->x_label, picture->y_label);
    fputs(errors ? "</th><th scope=\"col\">standard error</th></tr></thead>\n<tbody>\n"
                 : "</th></tr></thead>\n<tbody>\n",
          f);
    for (int i = 0; i < picture->count; i++) {
        const struct picture_series *s = &picture->series[i];
        for (size_t k = 0; k < s->count && s->name[0]; k++) {
            fputs("<tr>", f);
            html_text_cell(f, s->name);
            if (picture->x_names)
                html_text_cell(f, picture->x_name[(int)s->point[k].x - 1]);
            else
                html_number_cell(f, s->point[k].x, 6);
            html_number_cell(f, s->point[k].y, 5);
            if (errors) html_number_cell(f, s->point[k].error, 2);
            fputs("</tr>\n", f);
        }
    }
    fputs("</tbody></table></div></details>\n", f);
}

/* The separate file contains the page's colours. */
static ltm_status write_svg(const struct report *report, const struct picture *picture, const char *svg,
                            struct ltm_error *error) {
    struct file_draft draft;
    char name[80];
    char path[LTM_PATH_MAX];
    const char *inside = strchr(svg, '>');
    snprintf(name, sizeof name, "%s.svg", picture->id);
    PASS_UP(path_join(path, sizeof path, report->pictures, name, error));
    PASS_UP(folder_create(report->pictures, error));
    PASS_UP(file_create(&draft, path, error));
    fwrite(svg, 1, (size_t)(inside + 1 - svg), draft.stream);
    html_svg_style(draft.stream);
    fputs(inside + 1, draft.stream);
    return file_commit(&draft, error);
}

static ltm_status put_picture(struct report *report, const struct picture *picture, struct ltm_error *error) {
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
    html_print(report->out, "<figure>\n<h3>%s</h3>\n", picture->title);
    if (svg) fprintf(report->out, "%s\n", svg);
    html_print(report->out, "<figcaption>%s", picture->caption);
    if (left_out > 0)
        fprintf(report->out,
                " <strong>%zu point%s left out of the picture</strong>: an axis holds numbers up to 1e100, a "
                "logarithmic one from 1e-100.",
                left_out, left_out == 1 ? " is" : "s are");
    fputs("</figcaption>\n", report->out);
    put_points(report->out, picture);
    fputs("</figure>\n", report->out);
    free(svg);
    return status;
}

ltm_status report_picture(struct report *report, struct picture *picture, struct ltm_error *error) {
    ltm_status status = put_picture(report, picture, error);
    picture_free(picture);
    return status;
}
