/* What a run's page shows of a solver: puzzles.json of its folder (solver/solver_score.h), and the held-out scores of its log. */
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

/* "exact" or "cells" of a mean, in per cent with its error. */
static void add_point(struct picture_series *s, double x, const json_t *mean, const char *key) {
    char error[32];
    snprintf(error, sizeof error, "%s_error", key);
    picture_point(s, x, 100 * number(mean, key), 100 * number(mean, error));
}

static void put_figure(struct report *report, const char *name, const json_t *mean) {
    char text[FORMAT_WITH_ERROR];
    report_figure(report, name, "%s",
                  format_with_error(text, 100 * number(mean, "exact"), 100 * number(mean, "exact_error")));
}

static void put_figures(struct report *report, const json_t *scores) {
    const json_t *full = json_object_get(scores, "full");
    const json_t *halted = json_object_get(scores, "halted");
    char text[FORMAT_WITH_ERROR];
    fputs("<dl class=\"figures\">\n", report->out);
    put_figure(report, "held-out puzzles whole, %", full);
    report_figure(report, "cells right, %", "%s",
                  format_with_error(text, 100 * number(full, "cells"), 100 * number(full, "cells_error")));
    put_figure(report, "whole where it halts, %", halted);
    report_figure(report, "steps till it halts", "%s", format_score(text, number(halted, "steps")));
    report_figure(report, "puzzles", "%.15g", number(scores, "puzzles"));
    fputs("</dl>\n", report->out);
}

static ltm_status by_training(struct report *report, const struct run_curve *curve, struct ltm_error *error) {
    struct picture p;
    picture_begin(&p, "solved", "Solved", "training cells", "held-out puzzles, %");
    snprintf(p.caption, sizeof p.caption, "Held-out puzzles that are right in all cells behind all steps.");
    struct picture_series *s = picture_add(&p, PICTURE_LINES_POINTS, 1, "whole");
    for (size_t i = 0; i < curve->scores; i++)
        picture_point(s, curve->score[i].tokens, 100 * curve->score[i].exact, 100 * curve->score[i].exact_error);
    return report_picture(report, &p, error);
}

static ltm_status by_step(struct report *report, const json_t *scores, struct ltm_error *error) {
    struct picture p;
    size_t i;
    json_t *mean;
    picture_begin(&p, "solved-by-step", "Solved by step", "steps", "%");
    snprintf(p.caption, sizeof p.caption, "Puzzles that are right in all cells, and cells that are, behind each step.");
    struct picture_series *exact = picture_add(&p, PICTURE_LINES_POINTS, 1, "puzzles");
    struct picture_series *cells = picture_add(&p, PICTURE_LINES_POINTS, 2, "cells");
    json_array_foreach(json_object_get(scores, "steps"), i, mean) {
        add_point(exact, (double)(i + 1), mean, "exact");
        add_point(cells, (double)(i + 1), mean, "cells");
    }
    return report_picture(report, &p, error);
}

static ltm_status by_difficulty(struct report *report, const json_t *scores, struct ltm_error *error) {
    struct picture p;
    size_t i;
    json_t *one;
    picture_begin(&p, "solved-by-difficulty", "Solved by difficulty", "difficulty", "puzzles, %");
    snprintf(
        p.caption, sizeof p.caption,
        "Puzzles of each difficulty that are right in all cells: behind all steps, and where the halting head stops.");
    struct picture_series *full = picture_add(&p, PICTURE_LINES_POINTS, 1, "all steps");
    struct picture_series *halted = picture_add(&p, PICTURE_LINES_POINTS, 2, "where it halts");
    json_array_foreach(json_object_get(scores, "difficulties"), i, one) {
        add_point(full, number(one, "difficulty"), json_object_get(one, "full"), "exact");
        add_point(halted, number(one, "difficulty"), json_object_get(one, "halted"), "exact");
    }
    return report_picture(report, &p, error);
}

/* A grid of characters under a line; what is not as in `solution` is marked. */
static void put_grid(FILE *f, const char *title, const char *cells, const char *solution, size_t columns) {
    html_print(f, "<table><caption>%s</caption><tbody>\n", title);
    for (size_t i = 0; cells[i]; i++) {
        const char text[2] = {cells[i] == ' ' ? '.' : cells[i], 0};
        if (i % columns == 0) fputs("<tr>", f);
        html_print(f, cells[i] == solution[i] ? "<td>%s</td>" : "<td><mark>%s</mark></td>", text);
        if (i % columns == columns - 1) fputs("</tr>\n", f);
    }
    fputs("</tbody></table>\n", f);
}

static const char *text_of(const json_t *value, size_t length) {
    const char *text = json_string_value(value);
    return text && strlen(text) == length ? text : NULL;
}

/* The hardest puzzle, as it was answered step by step, until the answer stays. */
static void put_example(struct report *report, const json_t *example) {
    const double columns = number(example, "columns");
    const double cells = number(example, "rows") * columns;
    const json_t *answers = json_object_get(example, "answers");
    if (!(columns >= 1 && cells >= 1 && cells < 1 << 20)) return;
    const char *puzzle = text_of(json_object_get(example, "puzzle"), (size_t)cells);
    const char *solution = text_of(json_object_get(example, "solution"), (size_t)cells);
    size_t last = json_array_size(answers);
    if (!puzzle || !solution) return;
    while (last > 1 && json_equal(json_array_get(answers, last - 2), json_array_get(answers, last - 1))) last--;
    report_heading(report, "puzzle", "A puzzle, step by step");
    html_print(
        report->out,
        "<p>The first of the hardest puzzles, its solution, and the answer behind each step until it stays; marked "
        "is what is wrong.</p>\n<div class=\"scroll wide\">\n");
    put_grid(report->out, "puzzle", puzzle, puzzle, (size_t)columns);
    put_grid(report->out, "solution", solution, solution, (size_t)columns);
    for (size_t i = 0; i < last; i++) {
        char title[32];
        const char *answer = text_of(json_array_get(answers, i), (size_t)cells);
        snprintf(title, sizeof title, "step %zu", i + 1);
        if (answer) put_grid(report->out, title, answer, solution, (size_t)columns);
    }
    fputs("</div>\n", report->out);
}

ltm_status report_puzzles(struct report *report, const struct run_curve *curve, struct ltm_error *error) {
    enum { BYTES_MOST = 64 << 20 };
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    char *text = NULL;
    size_t bytes;
    json_t *scores = NULL;
    PASS_UP(path_join(path, sizeof path, report->folder, "puzzles.json", error));
    if (!file_exists(path)) return LTM_OK;
    TRY(file_read_text(&text, &bytes, path, BYTES_MOST, error));
    if ((status = json_read(&scores, text, bytes, 0, error)) != LTM_OK) {
        fail_within(error, status, "%s is damaged", path);
        goto cleanup;
    }
    report_heading(report, "puzzles", "Puzzles");
    put_figures(report, scores);
    TRY(by_training(report, curve, error));
    TRY(by_step(report, scores, error));
    TRY(by_difficulty(report, scores, error));
    put_example(report, json_object_get(scores, "example"));
cleanup:
    json_decref(scores);
    free(text);
    return status;
}
