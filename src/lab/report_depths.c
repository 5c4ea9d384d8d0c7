/* The page of scores by models whose positions leave loops (ltm eval … eval.exit=state --json): the cost of depth and
 * where it is spent. */
#include "lab/report_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "lab/format_numbers.h"
#include "lab/html.h"

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static const json_t *bound_of(const json_t *row, const char *unit) {
    return json_object_get(json_object_get(row, "bound"), unit);
}

/* "eval.exit=state eval.exit_state=0.03", or the corpus if nothing was scanned. */
static void name_row(char name[PICTURE_TEXT], const json_t *row) {
    const char *key;
    json_t *value;
    size_t used = 0;
    *name = 0;
    json_object_foreach(json_object_get(row, "settings"), key, value) {
        if (json_is_string(value) && used < PICTURE_TEXT)
            used += (size_t)snprintf(name + used, PICTURE_TEXT - used, "%s%s=%s", used ? " " : "", key,
                                     json_string_value(value));
    }
    if (!used) snprintf(name, PICTURE_TEXT, "%s", text_of(row, "corpus"));
}

static void put_scores(struct report *report, const json_t *rows) {
    FILE *f = report->out;
    char text[FORMAT_WITH_ERROR];
    char name[PICTURE_TEXT];
    fputs("<div class=\"scroll wide\"><table><thead><tr><th scope=\"col\" class=\"text\">corpus</th><th scope=\"col\" "
          "class=\"text\">settings</th><th scope=\"col\">loops a token</th><th scope=\"col\">at most</th><th "
          "scope=\"col\">bound, nats a token</th><th scope=\"col\">bits a byte</th></tr></thead>\n<tbody>\n",
          f);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const json_t *bound = bound_of(row, "nats_per_token");
        name_row(name, row);
        fputs("<tr>", f);
        html_text_cell(f, text_of(row, "corpus"));
        html_text_cell(f, name);
        html_number_cell(f, number(row, "depth"), 4);
        html_number_cell(f, number(row, "loops"), 4);
        html_print(f, "<td>%s</td>", format_with_error(text, number(bound, "mean"), number(bound, "error")));
        html_number_cell(f, number(bound_of(row, "bits_per_byte"), "mean"), 5);
        fputs("</tr>\n", f);
    }
    fputs("</tbody></table></div>\n", f);
}

static ltm_status bound_by_depth(struct report *report, const json_t *rows, struct ltm_error *error) {
    struct picture p;
    char name[PICTURE_TEXT];
    picture_begin(&p, "bound-by-depth", "Bound by mean depth", "loops a token", "bound, nats a token");
    snprintf(p.caption, sizeof p.caption,
             "The standard errors in the table above come mostly from the text, which rows of one corpus share.");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const json_t *bound = bound_of(row, "nats_per_token");
        name_row(name, row);
        picture_point(picture_add(&p, PICTURE_POINTS, 1 + (int)(i % (PICTURE_COLOURS - 1)), "%s", name),
                      number(row, "depth"), number(bound, "mean"), NAN);
    }
    return report_picture(report, &p, error);
}

/* Depth over the bins of one kind. */
struct difficulty {
    const char *id, *title, *x_label, *key, *caption;
    double half; /* of a bin's width */
};

static ltm_status depth_by(struct report *report, const json_t *rows, const struct difficulty *d,
                           struct ltm_error *error) {
    struct picture p;
    char name[PICTURE_TEXT];
    picture_begin(&p, d->id, d->title, d->x_label, "loops a token");
    snprintf(p.caption, sizeof p.caption, "%s", d->caption);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *bins = json_object_get(json_array_get(rows, i), d->key);
        if (!bins) continue;
        name_row(name, json_array_get(rows, i));
        struct picture_series *s =
            picture_add(&p, PICTURE_LINES_POINTS, 1 + (int)(i % (PICTURE_COLOURS - 1)), "%s", name);
        for (size_t b = 0; b < json_array_size(bins); b++)
            picture_point(s, number(json_array_get(bins, b), "from") + d->half,
                          number(json_array_get(bins, b), "depth"), NAN);
    }
    return report_picture(report, &p, error);
}

static ltm_status read_scores(json_t **rows, const char *path, struct ltm_error *error) {
    enum { BYTES_MOST = 64 << 20 };
    struct ltm_error inner = {0};
    char *text = NULL;
    size_t bytes = 0;
    bool depths = false;
    *rows = NULL;
    PASS_UP(file_read_text(&text, &bytes, path, BYTES_MOST, error));
    const ltm_status status = json_read(rows, text, bytes, 0, &inner);
    free(text);
    if (status == LTM_MEMORY) return fail_with(error, &inner);
    for (size_t i = 0; i < json_array_size(*rows); i++)
        depths = depths || json_object_get(json_array_get(*rows, i), "depth_by_surprise");
    if (depths) return LTM_OK;
    json_decref(*rows);
    *rows = NULL;
    return fail(error, LTM_INVALID,
                "%s contains no scores with depths; give the folder of a run or a study, or the output of ltm "
                "eval CHECKPOINT CORPUS eval.exit=state --json",
                path);
}

ltm_status report_depths(struct report *report, struct ltm_error *error) {
    static const struct difficulty difficulties[] = {
        {"depth-by-surprise", "Depth by surprise", "-log p of the token, nats", "depth_by_surprise",
         "Mean loops of the tokens in each half nat of -log p; the last point covers all above.", 0.5},
        {"depth-by-position", "Depth by position", "position in the sequence, as a share", "depth_by_position",
         "Mean loops of the tokens in each sixteenth of a sequence.", 1.0 / 32}};
    json_t *rows;
    ltm_status status = read_scores(&rows, report->folder, error);
    if (status != LTM_OK) return status;
    report_begin(report, "ltm eval");
    put_scores(report, rows);
    if (!report->result->gnuplot) report_without_pictures(report);
    report_heading(report, "depth", "Depth");
    status = bound_by_depth(report, rows, error);
    for (size_t i = 0; status == LTM_OK && i < sizeof difficulties / sizeof *difficulties; i++)
        status = depth_by(report, rows, &difficulties[i], error);
    html_end(report->out);
    json_decref(rows);
    return status;
}
