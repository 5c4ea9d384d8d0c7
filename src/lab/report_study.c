#include "lab/report_page.h"

#include <math.h>
#include <string.h>

#include "base/files.h"
#include "lab/format_numbers.h"
#include "lab/headroom.h"
#include "lab/html.h"
#include "lab/study_columns.h"
#include "lab/study_differences.h"
#include "lab/study_fit.h"
#include "lab/study_pictures.h"
#include "lab/study_variants.h"
#include "ltm/names.h"

enum { CELLS_WITH_CURVES = 300, CELL_POINTS = 150, OVERVIEW_POINTS = 60 };

static bool cell_log(char path[LTM_PATH_MAX], const struct report *report, const struct study_table *t, size_t row) {
    char folder[LTM_PATH_MAX];
    return study_cell_folder(folder, report->folder, t, row) &&
           path_join(path, LTM_PATH_MAX, folder, "log.jsonl", NULL) == LTM_OK && file_exists(path);
}

/* Held-out bounds of all cells over tokens, by latent size; in the legend each size once. */
static ltm_status overview(struct report *report, const struct study_table *t, struct ltm_error *error) {
    struct picture p;
    char path[LTM_PATH_MAX];
    char name[64];
    bool listed[PICTURE_COLOURS] = {false};
    ltm_status status = LTM_OK;
    picture_begin(&p, "training", "Held-out bound while training", "training tokens", "bound, nats a token");
    snprintf(p.caption, sizeof p.caption, "One line for each cell, coloured by latent size%s.",
             t->csv.rows > PICTURE_SERIES ? "; only the first 64 cells" : "");
    for (size_t r = 0; status == LTM_OK && r < t->csv.rows; r++) {
        struct run_curve c;
        if (t->group_of[r] < 0 || !cell_log(path, report, t, r)) continue;
        if ((status = run_curve_read(&c, path, error)) != LTM_OK) break;
        const double latents = t->group[t->group_of[r]].latents;
        const int colour = study_colour(t, latents) % PICTURE_COLOURS;
        struct picture_series *s =
            picture_add(&p, PICTURE_LINES, colour, "%s", listed[colour] ? "" : study_latents(name, latents));
        listed[colour] = true;
        const size_t each = c.scores / OVERVIEW_POINTS + 1;
        for (size_t i = 0; i < c.scores; i++)
            if (i % each == 0 || i + 1 == c.scores) picture_point(s, c.score[i].tokens, c.score[i].bound, NAN);
        run_curve_free(&c);
    }
    if (status == LTM_OK) status = report_picture(report, &p, error);
    picture_free(&p);
    return status;
}

static ltm_status one_cell(struct report *report, const struct study_table *t, size_t row, const char *path,
                           struct ltm_error *error) {
    struct run_curve c;
    char prefix[32];
    PASS_UP(run_curve_read(&c, path, error));
    run_curve_thin(&c, CELL_POINTS);
    snprintf(prefix, sizeof prefix, "cell%zu-", row + 1);
    html_print(report->out, "<details><summary>%s</summary>\n",
               csv_text(&t->csv, row, (size_t)csv_column(&t->csv, study_columns[COLUMN_CELL].name)));
    ltm_status status = report_curves(report, &c, prefix, false, error);
    fputs("</details>\n", report->out);
    run_curve_free(&c);
    return status;
}

static ltm_status training(struct report *report, const struct study_table *t, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    size_t with = 0;
    size_t shown = 0;
    for (size_t r = 0; r < t->csv.rows; r++) with += cell_log(path, report, t, r);
    if (with == 0) return LTM_OK;
    report_heading(report, "training-curves", "Training");
    ltm_status status = overview(report, t, error);
    fprintf(report->out, "<h3>Each cell</h3>\n");
    for (size_t r = 0; status == LTM_OK && r < t->csv.rows && shown < CELLS_WITH_CURVES; r++) {
        if (!cell_log(path, report, t, r)) continue;
        watch_progress(report->watch, "drawing cells", (double)shown++, (double)with);
        status = one_cell(report, t, r, path, error);
    }
    if (with > shown)
        fprintf(report->out,
                "<p class=\"note\">%zu more cell%s %s curves: run <code>ltm report</code> on a cell's "
                "own folder to see them.</p>\n",
                with - shown, ltm_plural((long long)(with - shown)), with - shown == 1 ? "has" : "have");
    return status;
}

static void put_table(struct report *report, const struct csv *csv) {
    FILE *f = report->out;
    report_heading(report, "table", "All cells");
    fputs("<p class=\"note\">The contents of <code>results.csv</code>.</p>\n<div class=\"scroll "
          "wide\"><table><thead><tr>",
          f);
    for (size_t c = 0; c < csv->columns; c++) {
        html_print(f, c ? "<th scope=\"col\">%s</th>" : "<th scope=\"col\" class=\"text\">%s</th>", csv_name(csv, c));
    }
    fputs("</tr></thead>\n<tbody>\n", f);
    for (size_t r = 0; r < csv->rows; r++) {
        fputs("<tr>", f);
        for (size_t c = 0; c < csv->columns; c++) {
            const double number = csv_number(csv, r, (int)c);
            if (isnan(number))
                html_text_cell(f, csv_text(csv, r, c));
            else
                html_number_cell(f, number, 6);
        }
        fputs("</tr>\n", f);
    }
    fputs("</tbody></table></div>\n", f);
}

static void put_key_figures(struct report *report, const struct study_table *t, const struct study_score *score) {
    char low[FORMAT_NUMBER];
    char high[FORMAT_NUMBER];
    char text[64];
    const struct study_value *values = score->value;
    size_t best = SIZE_MAX;
    double least = HUGE_VAL;
    double most = 0;
    double flops = 0;
    for (size_t g = 0; g < t->groups; g++) {
        least = fmin(least, t->group[g].parameters);
        most = fmax(most, t->group[g].parameters);
        if (!values || isnan(values[g].mean)) continue;
        const double best_so_far = best == SIZE_MAX ? NAN : values[best].mean;
        if (best == SIZE_MAX || (score->lower ? values[g].mean < best_so_far : values[g].mean > best_so_far)) best = g;
    }
    for (size_t r = 0; r < t->csv.rows; r++)
        if (t->group_of[r] >= 0 && t->group[t->group_of[r]].flops > 0) flops += t->group[t->group_of[r]].flops;
    fputs("<dl class=\"figures\">\n", report->out);
    report_figure(report, "cells done", "%zu of %zu", t->done, t->csv.rows);
    if (most > 0)
        report_figure(report, "parameters", "%s to %s", format_quantity(low, least), format_quantity(high, most));
    if (flops > 0) report_figure(report, "training compute, FLOPs", "%s", format_quantity(low, flops));
    if (values && best != SIZE_MAX) {
        const struct study_group *g = &t->group[best];
        char name[64];
        snprintf(name, sizeof name, "best %.50s", score->name);
        char with_error[FORMAT_WITH_ERROR];
        report_figure(report, name, "%s", format_with_error(with_error, values[best].mean, values[best].error));
        if (study_has_variants(t))
            report_figure(report, "its variant", "%s",
                          csv_text(&t->csv, g->row, (size_t)csv_column(&t->csv, VARIANT_KEY)));
        report_figure(report, "its latents", "%s", study_latents(text, g->latents));
        if (g->steps > 0 && !study_has_variants(t)) report_figure(report, "its fast steps", "%g", g->steps);
        report_figure(report, "its parameters", "%s", format_quantity(low, g->parameters));
        report_figure(report, "its tokens", "%s", format_quantity(low, g->tokens));
    }
    fputs("</dl>\n", report->out);
}

static ltm_status take_scores(struct study_score scores[LTM_REPORT_SCORES], int *count, const struct report *report,
                              const struct study_table *t, struct ltm_error *error) {
    static const char *const usual[] = {"bound", "continuation"};
    const int asked = report->options->scores;
    *count = 0;
    for (int i = 0; i < (asked ? asked : 2); i++) {
        const char *name = asked ? report->options->score[i] : usual[i];
        if (!asked && i > 0 && !study_table_has(t, name)) continue;
        PASS_UP(study_score_take(&scores[*count], t, name, error));
        ++*count;
    }
    return LTM_OK;
}

static ltm_status put_page(struct report *report, const struct study_table *t, const struct study_score *scores,
                           int count, struct ltm_error *error) {
    FILE *f = report->out;
    report_begin(report, "ltm study");
    put_key_figures(report, t, &scores[0]);
    if (t->done < t->csv.rows)
        fprintf(f, "<p class=\"note\">%zu cell%s not done: only the table shows %s.</p>\n", t->csv.rows - t->done,
                t->csv.rows - t->done == 1 ? " is" : "s are", t->csv.rows - t->done == 1 ? "it" : "them");
    if (!report->result->gnuplot) report_without_pictures(report);
    ltm_status status = headroom_section(report, t, error);
    if (status == LTM_OK) status = study_fit(report, t, &scores[0], error);
    for (int i = 0; status == LTM_OK && i < count; i++) {
        char id[24];
        char title[PICTURE_TEXT];
        snprintf(id, sizeof id, "score%d", i + 1);
        snprintf(title, sizeof title, "%.100s", scores[i].name);
        if (title[0] >= 'a' && title[0] <= 'z') title[0] = (char)(title[0] - 'a' + 'A');
        report_heading(report, id, title);
        study_ranking(report, t, &scores[i]);
        status = study_pictures(report, t, &scores[i], i, error);
    }
    if (status == LTM_OK) status = report_study_tasks(report, t, error);
    if (status == LTM_OK) status = training(report, t, error);
    put_table(report, &t->csv);
    html_end(f);
    return status;
}

ltm_status report_study(struct report *report, struct ltm_error *error) {
    struct study_score scores[LTM_REPORT_SCORES] = {{0}};
    struct study_table table;
    int count = 0;
    ltm_status status = study_table_read(&table, report->folder, error);
    if (status != LTM_OK) return status;
    report->result->cells = table.csv.rows;
    report->result->cells_done = table.done;
    TRY(take_scores(scores, &count, report, &table, error));
    TRY(put_page(report, &table, scores, count, error));
cleanup:
    for (int i = 0; i < count; i++) study_score_free(&scores[i]);
    study_table_free(&table);
    return status;
}
