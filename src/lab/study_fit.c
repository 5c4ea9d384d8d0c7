#include "lab/study_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "lab/format_numbers.h"
#include "lab/html.h"
#include "lab/study_pictures.h"

/* Runs as input of the fit, and the finished cell of each. */
struct runs {
    struct ltm_fit_point *point;
    size_t *group;
    size_t count;
};

/* A twin with full attention is a different kind of decoder from the other cells. */
static bool is_twin(const struct study_table *t, const struct study_group *g) {
    bool alone = true;
    for (size_t i = 0; i < t->groups; i++) alone = alone && t->group[i].full;
    return g->full && g->latents == 0 && !alone;
}

/* One point a finished cell: seeds are held out and resampled with their cell by the fit itself. */
static ltm_status collect(struct runs *runs, const struct study_table *t, const struct study_score *score,
                          struct ltm_error *error) {
    const int column = csv_column(&t->csv, score->name);
    ltm_status status;
    *runs = (struct runs){0};
    TRY(NEW_ARRAY(runs->point, t->csv.rows, "the runs of a fit", error));
    TRY(NEW_ARRAY(runs->group, t->csv.rows, "the runs of a fit", error));
    for (size_t r = 0; r < t->csv.rows; r++) {
        const double loss = csv_number(&t->csv, r, column);
        if (t->group_of[r] < 0 || !(loss > 0)) continue;
        const struct study_group *g = &t->group[t->group_of[r]];
        if (is_twin(t, g) || !(g->parameters > 0) || !(g->tokens > 0) || !(g->latents >= 0 && g->latents < 1 << 30))
            continue;
        runs->group[runs->count] = (size_t)t->group_of[r];
        runs->point[runs->count++] = (struct ltm_fit_point){
            .loss = loss,
            .parameters = g->parameters,
            .recurrent = g->recurrent > 0 && g->loops > 1 ? g->recurrent : 0,
            .loops = g->loops > 1 ? g->loops : 0,
            .tokens = g->tokens,
            .latents = (int)g->latents,
            .latent_numbers = g->latents > 0 ? (g->latent_numbers > 0 ? g->latent_numbers : g->latents * g->dim) : 0,
            .fast_steps = g->steps >= 1 ? g->steps : 1,
            .token_flops = g->token_flops > 0 ? g->token_flops : 0};
    }
    return LTM_OK;
cleanup:
    free(runs->point);
    free(runs->group);
    return status;
}

/* A / N^α with its exponents raised. Forms are our own text: nothing to escape. */
static void put_form(FILE *f, const char *form) {
    for (; *form; form++) {
        if (*form != '^') {
            fputc(*form, f);
            continue;
        }
        const size_t length = strcspn(form + 1, " )");
        fprintf(f, "<sup>%.*s</sup>", (int)length, form + 1);
        form += length;
    }
}

static void put_candidates(FILE *f, const struct ltm_fit_info *info) {
    fprintf(f,
            "<div class=\"scroll wide\"><table><caption>Forms and their mean |log residual|: on held-out "
            "cells (%d folds) and on the fitted ones</caption><thead><tr><th scope=\"col\" "
            "class=\"text\">form</th><th scope=\"col\">unknowns</th><th scope=\"col\">held out</th><th "
            "scope=\"col\">standard error</th><th scope=\"col\">seen</th></tr></thead>\n<tbody>\n",
            info->folds);
    for (int i = 0; i < info->candidates; i++) {
        const struct ltm_fit_candidate *c = &info->candidate[i];
        fputs(c->chosen ? "<tr class=\"chosen\">" : "<tr>", f);
        fputs("<td class=\"text\">", f);
        put_form(f, c->form);
        fputs("</td>", f);
        html_number_cell(f, c->parameters, 3);
        html_number_cell(f, c->heldout_error, 3);
        html_number_cell(f, c->heldout_stderr, 2);
        html_number_cell(f, c->fitted_error, 3);
        fputs("</tr>\n", f);
    }
    fputs("</tbody></table></div>\n", f);
}

/* Constants are fitted as logarithms, so they approach zero but never reach it. */
static double or_zero(double constant) { return fabs(constant) < 1e-9 ? 0 : constant; }

static void put_constants(FILE *f, const struct ltm_fit_info *info) {
    fprintf(f,
            "<div class=\"scroll wide\"><table><caption>Constants of the chosen form, with intervals that cover "
            "%.0f %% of %d resamples of cells</caption><thead><tr><th scope=\"col\" class=\"text\">constant</th><th "
            "scope=\"col\">value</th><th scope=\"col\">from</th><th scope=\"col\">to</th></tr></thead>\n<tbody>\n",
            100 * info->share, info->resamples);
    for (int p = 0; p < LTM_FIT_PARAMETERS; p++) {
        if (isnan(info->parameter[p].value)) continue;
        fputs("<tr>", f);
        html_text_cell(f, ltm_fit_parameter_name((enum ltm_fit_parameter)p));
        html_number_cell(f, or_zero(info->parameter[p].value), 4);
        html_number_cell(f, or_zero(info->parameter[p].low), 3);
        html_number_cell(f, or_zero(info->parameter[p].high), 3);
        fputs("</tr>\n", f);
    }
    fputs("</tbody></table></div>\n", f);
}

static ltm_status residuals(struct report *report, const struct study_table *t, const struct runs *runs,
                            const struct ltm_fit *fit, struct ltm_error *error) {
    struct picture p;
    struct picture_series *of_colour[PICTURE_COLOURS] = {NULL};
    picture_begin(&p, "residuals", "Residuals of the fit", "loss that the fit predicts", "measured above predicted, %");
    snprintf(
        p.caption, sizeof p.caption,
        "Residual of each run under the chosen form. If all points of one latent size lie on one side of zero, the "
        "form is wrong.");
    p.zero = true;
    for (size_t i = 0; i < runs->count; i++) {
        const double latents = t->group[runs->group[i]].latents;
        const double predicted = ltm_fit_predict(fit, &runs->point[i]);
        const int colour = study_colour(t, latents) % PICTURE_COLOURS;
        char name[64];
        if (!of_colour[colour])
            of_colour[colour] = picture_add(&p, PICTURE_POINTS, colour, "%s", study_latents(name, latents));
        picture_point(of_colour[colour], predicted, 100 * (runs->point[i].loss / predicted - 1), NAN);
    }
    return report_picture(report, &p, error);
}

/* Loss of each measured shape if trained with one compute: the minimum shows how large a model should be. */
static ltm_status equal_compute(struct report *report, const struct study_table *t, const struct runs *runs,
                                const struct ltm_fit *fit, struct ltm_error *error) {
    struct picture p;
    double least = HUGE_VAL;
    double most = 0;
    for (size_t i = 0; i < runs->count; i++) {
        const double flops = runs->point[i].token_flops * runs->point[i].tokens;
        least = flops > 0 ? fmin(least, flops) : least;
        most = fmax(most, flops);
    }
    if (!(most > 0)) return LTM_OK;
    picture_begin(&p, "iso-compute", "Equal compute", "parameters, embeddings included", "loss that the fit predicts");
    p.log_x = true;
    snprintf(p.caption, sizeof p.caption,
             "Each curve spends one training budget on the measured shapes, with as many tokens as it "
             "buys: dashed without latents, solid the best with latents. Predictions of the fit, not measurements.");
    for (int level = 0; level < 3; level++)
        for (int with = 0; with < 2; with++) {
            char number[FORMAT_NUMBER];
            const double compute = most / least < 1.1 && level < 2 ? NAN : least * pow(most / least, level / 2.0);
            if (isnan(compute)) continue;
            struct picture_series *s =
                picture_add(&p, with ? PICTURE_LINES_POINTS : PICTURE_DASHES, 1 + level, "%s FLOPs, %s",
                            format_quantity(number, compute), with ? "latents" : "none");
            for (size_t i = 0; s && i < runs->count; i++) {
                struct ltm_fit_point point = runs->point[i];
                if ((point.latents > 0) != (with == 1) || !(point.token_flops > 0)) continue;
                point.tokens = compute / point.token_flops;
                const double loss = ltm_fit_predict(fit, &point);
                size_t k = 0;
                while (k < s->count && fabs(s->point[k].x / point.parameters - 1) > 0.01) k++;
                if (k == s->count)
                    picture_point(s, point.parameters, loss, NAN);
                else if (loss < s->point[k].y)
                    s->point[k].y = loss;
            }
            picture_sort(s);
        }
    (void)t;
    return report_picture(report, &p, error);
}

static ltm_status answers(struct report *report, const struct ltm_fit *fit, const struct runs *runs,
                          struct ltm_error *error) {
    struct ltm_report_result *result = report->result;
    double budgets[LTM_REPORT_BUDGETS] = {0};
    int count = report->options->budgets;
    ltm_status status;
    for (int i = 0; i < count; i++) budgets[i] = report->options->budget[i];
    for (size_t i = 0; count == 0 && i < runs->count; i++)
        budgets[0] = fmax(budgets[0], runs->point[i].token_flops * runs->point[i].tokens);
    if (count == 0 && budgets[0] > 0) count = 1;
    for (int i = 0; i < count; i++) {
        struct ltm_error why = {0};
        status = ltm_fit_answer(fit, budgets[i], &result->answer[result->answers], &why);
        if (status == LTM_OK)
            html_print(report->out, "<p>%s</p>\n", result->answer[result->answers++].words);
        else if (status == LTM_INVALID) {
            const size_t used = strlen(result->no_answer);
            if (!strstr(result->no_answer, why.message))
                snprintf(result->no_answer + used, sizeof result->no_answer - used, "%s%s", used ? "; " : "",
                         why.message);
            html_print(report->out, "<p class=\"note\">%s</p>\n", why.message);
        } else
            return fail_with(error, &why);
    }
    return LTM_OK;
}

static ltm_status put_fit(struct report *report, const struct study_table *t, const struct runs *runs,
                          const struct ltm_fit *fit, struct ltm_error *error) {
    const struct ltm_fit_info *info = ltm_fit_info(fit);
    FILE *f = report->out;
    char scale[FORMAT_NUMBER];
    fputs("<div class=\"answer\">\n", f);
    ltm_status status = answers(report, fit, runs, error);
    fputs("</div>\n", f);
    for (int i = 0; i < info->notes; i++) html_print(f, "<p class=\"note\">%s</p>\n", info->note[i]);
    fputs("<p>Fitted: L = ", f);
    put_form(f, info->candidate[info->chosen].form);
    fputs(", N parameters", f);
    if (!isnan(info->parameter[LTM_FIT_PHI].value)) fputs(", N_rec of them run r times, N_once run once", f);
    if (!isnan(info->parameter[LTM_FIT_BETA].value)) fputs(", D tokens", f);
    if (!isnan(info->parameter[LTM_FIT_GAMMA].value))
        fprintf(f, ", m = 1 + latent numbers / %s", format_quantity(scale, info->latent_scale));
    if (!isnan(info->parameter[LTM_FIT_DELTA].value)) fputs(", S fast steps", f);
    fprintf(f,
            "; %zu runs, %zu distinct cells. The form with the lowest error on held-out cells, or a simpler one "
            "within a standard error of it.</p>\n",
            info->points, info->cells);
    put_candidates(f, info);
    put_constants(f, info);
    if (status == LTM_OK) status = residuals(report, t, runs, fit, error);
    if (status == LTM_OK && !isnan(info->parameter[LTM_FIT_BETA].value))
        status = equal_compute(report, t, runs, fit, error);
    return status;
}

ltm_status study_fit(struct report *report, const struct study_table *table, const struct study_score *score,
                     struct ltm_error *error) {
    struct ltm_fit *fit = NULL;
    struct ltm_error why = {0};
    struct runs runs;
    char title[PICTURE_TEXT];
    ltm_status status = collect(&runs, table, score, error);
    if (status != LTM_OK) return status;
    snprintf(title, sizeof title, "Scaling law of %.100s", score->name);
    report_heading(report, "fit", title);
    if (study_has_variants(table))
        status = fail(&why, LTM_INVALID,
                      "the cells are variants (study.variant), which differ in more than their sizes and do not follow "
                      "one law; a fit needs a study of one kind of model");
    else if (table->corpora >
             1) /* a token counts the same in any text, but losses on two texts do not follow one law */
        status = fail(&why, LTM_INVALID,
                      "the cells have several corpora (data.corpus), whose losses do not follow one law; a fit "
                      "needs a study of one corpus");
    else
        status = score->lower
                     ? ltm_fit(&fit, runs.point, runs.count, &report->options->fit, report->watch, &why)
                     : fail(&why, LTM_INVALID, "only losses can be fitted, and %.100s is not one", score->name);
    if (status == LTM_OK) {
        report->result->fitted = true;
        report->result->fit = *ltm_fit_info(fit);
        status = put_fit(report, table, &runs, fit, error);
    } else if (status == LTM_INVALID || status == LTM_UNSUPPORTED) {
        snprintf(report->result->no_fit, sizeof report->result->no_fit, "%.500s", why.message);
        html_print(report->out, "<p class=\"note\">%s</p>\n", why.message);
        status = LTM_OK;
    } else
        fail_with(error, &why);
    ltm_fit_free(fit);
    free(runs.point);
    free(runs.group);
    return status;
}
