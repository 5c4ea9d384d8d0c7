#include "lab/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/progress.h"
#include "base/random.h"
#include "ltm/names.h"

enum { FOLDS_ALL = 40, FOLDS_FEW = 10 }; /* cells up to which each is held out alone; folds of more */

void ltm_fit_options_defaults(struct ltm_fit_options *options) {
    *options = (struct ltm_fit_options){.resamples = 4000, .share = 0.95};
}

const char *ltm_fit_parameter_name(enum ltm_fit_parameter parameter) {
    static const char *const names[] = {"E", "A", "B", "C", "F", "α", "β", "γ", "δ", "φ"};
    return names[parameter];
}

const struct ltm_fit_info *ltm_fit_info(const struct ltm_fit *fit) { return &fit->info; }

void ltm_fit_free(struct ltm_fit *fit) {
    if (!fit) return;
    fit_rows_free(&fit->rows);
    free(fit->points);
    free(fit->sample);
    free(fit);
}

static struct fit_objective objective_of(const struct ltm_fit *fit, const struct fit_form *form, const double *weight) {
    return (struct fit_objective){.form = form, .rows = fit->rows.row, .weight = weight, .count = fit->rows.count};
}

static int parameters_of(const struct fit_form *form) {
    enum ltm_fit_parameter list[LTM_FIT_PARAMETERS];
    return fit_form_parameters(form, list);
}

/* ---- Candidates ---- */

struct candidate {
    struct fit_form form;
    struct fit_minima minima;
    double *heldout; /* |log residual| of each row under a fit without its cell */
};

/* The fold in which each cell is held out: one each, or dealt out in an order independent of the study's. */
static void deal_folds(int *fold, size_t cells, int folds, uint64_t seed) {
    for (size_t i = 0; i < cells; i++) fold[i] = (int)(i % (size_t)folds);
    if ((size_t)folds == cells) return;
    const struct random_key key = {.seed = seed, .purpose = RANDOM_BOOTSTRAP, .step = UINT32_MAX};
    for (size_t i = cells - 1; i > 0; i--) {
        const size_t j = (size_t)(random_uniform(key, (uint32_t)i) * (double)(i + 1));
        const int swapped = fold[i];
        fold[i] = fold[j];
        fold[j] = swapped;
    }
}

static ltm_status hold_out(const struct ltm_fit *fit, struct candidate *c, const int *fold, int which,
                           struct ltm_error *error) {
    const struct fit_rows *rows = &fit->rows;
    double *weight = NULL;
    double at[LTM_FIT_PARAMETERS];
    ltm_status status;
    TRY(NEW_ARRAY(weight, rows->count, "a fit's weights", error));
    for (size_t i = 0; i < rows->count; i++) weight[i] = fold[rows->cell[i]] != which;
    const struct fit_objective objective = objective_of(fit, &c->form, weight);
    TRY(fit_improve(at, &objective, &c->minima, error));
    for (size_t i = 0; i < rows->count; i++)
        if (weight[i] == 0)
            c->heldout[i] = fabs(rows->row[i].log_loss - fit_form_log(&c->form, &rows->row[i], at, NULL));
cleanup:
    free(weight);
    return status;
}

static ltm_status fit_candidate(struct ltm_fit *fit, struct candidate *c, const struct fit_minima *from,
                                const int *fold, struct ltm_error *error) {
    const struct fit_objective objective = objective_of(fit, &c->form, NULL);
    ltm_status status = fit_search(&c->minima, &objective, from, fit->rows.mean, error);
    if (status != LTM_OK) return status;
    if (fit->rows.cells <= (size_t)parameters_of(&c->form) + 1) {
        for (size_t i = 0; i < fit->rows.count; i++) c->heldout[i] = NAN;
        return LTM_OK;
    }
#pragma omp parallel for schedule(dynamic, 1)
    for (int f = 0; f < fit->info.folds; f++) {
        struct ltm_error mine = {0};
        if (hold_out(fit, c, fold, f, &mine) == LTM_OK) continue;
#pragma omp critical(fit_failed)
        status = fail_with(error, &mine);
    }
    return status;
}

static void mean_and_error(const double *values, size_t count, double *mean, double *error) {
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    *mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) squares += (values[i] - *mean) * (values[i] - *mean);
    *error = count > 1 ? sqrt(squares / ((double)count * (double)(count - 1))) : NAN;
}

static void describe(const struct ltm_fit *fit, const struct candidate *c, struct ltm_fit_candidate *out) {
    fit_form_write(&c->form, out->form, sizeof out->form);
    out->parameters = parameters_of(&c->form);
    out->fitted_error = 0;
    for (size_t i = 0; i < fit->rows.count; i++)
        out->fitted_error +=
            fabs(fit->rows.row[i].log_loss - fit_form_log(&c->form, &fit->rows.row[i], c->minima.at[0], NULL)) /
            (double)fit->rows.count;
    mean_and_error(c->heldout, fit->rows.count, &out->heldout_error, &out->heldout_stderr);
}

/* The lowest held-out error wins, unless a form of fewer parameters is worse by no more than one standard error of the
 * difference. */
static int choose(const struct ltm_fit *fit, const struct candidate *c, int count) {
    const struct ltm_fit_candidate *told = fit->info.candidate;
    int best = 0;
    for (int i = 1; i < count; i++)
        if (told[i].heldout_error < told[best].heldout_error || isnan(told[best].heldout_error)) best = i;
    const int lowest = best;
    for (int i = 0; i < count; i++) {
        if (told[i].parameters >= told[best].parameters || isnan(told[i].heldout_error)) continue;
        double mean = 0;
        double squares = 0;
        const double n = (double)fit->rows.count;
        for (size_t k = 0; k < fit->rows.count; k++) mean += (c[i].heldout[k] - c[lowest].heldout[k]) / n;
        for (size_t k = 0; k < fit->rows.count; k++) {
            const double d = c[i].heldout[k] - c[lowest].heldout[k] - mean;
            squares += d * d;
        }
        if (mean <= sqrt(squares / (n * fmax(1, n - 1)))) best = i;
    }
    return best;
}

static ltm_status fit_all(struct ltm_fit *fit, struct candidate *c, int count, const struct ltm_watch *watch,
                          const struct ltm_fit_options *options, struct ltm_error *error) {
    int *fold = NULL;
    ltm_status status;
    TRY(NEW_ARRAY(fold, fit->rows.cells, "folds", error));
    fit->info.folds = fit->rows.cells <= FOLDS_ALL ? (int)fit->rows.cells : FOLDS_FEW;
    deal_folds(fold, fit->rows.cells, fit->info.folds, options->seed);
    for (int i = 0; i < count; i++) {
        TRY(NEW_ARRAY(c[i].heldout, fit->rows.count, "held-out errors", error));
        TRY(fit_candidate(fit, &c[i], i ? &c[0].minima : NULL, fold, error));
        describe(fit, &c[i], &fit->info.candidate[i]);
        watch_progress(watch, "trying forms", i + 1, count);
    }
    fit->info.candidates = count;
    fit->info.chosen = choose(fit, c, count);
    fit->info.candidate[fit->info.chosen].chosen = true;
cleanup:
    free(fold);
    return status;
}

/* ---- Intervals ---- */

/* As many cells as there are, drawn with replacement, each with all its seeds. Redrawn if too few are distinct. */
static void draw_cells(const struct ltm_fit *fit, double *weight, double *times, int parameters, uint64_t seed,
                       int resample) {
    const struct fit_rows *rows = &fit->rows;
    for (uint32_t attempt = 0; attempt < 20; attempt++) {
        const struct random_key key = {
            .seed = seed, .purpose = RANDOM_BOOTSTRAP, .step = (uint32_t)resample, .sequence = attempt};
        int distinct = 0;
        memset(times, 0, rows->cells * sizeof *times);
        for (size_t i = 0; i < rows->cells; i++) {
            const size_t cell = (size_t)(random_uniform(key, (uint32_t)i) * (double)rows->cells);
            distinct += times[cell]++ == 0;
        }
        if (distinct >= parameters) break;
    }
    for (size_t i = 0; i < rows->count; i++) weight[i] = times[rows->cell[i]];
}

static ltm_status resample(struct ltm_fit *fit, const struct fit_minima *minima, int which, uint64_t seed,
                           struct ltm_error *error) {
    double *weight = NULL;
    double *times = NULL;
    ltm_status status;
    TRY(NEW_ARRAY(weight, fit->rows.count, "a fit's weights", error));
    TRY(NEW_ARRAY(times, fit->rows.cells, "a fit's cells", error));
    draw_cells(fit, weight, times, parameters_of(&fit->form), seed, which);
    const struct fit_objective objective = objective_of(fit, &fit->form, weight);
    TRY(fit_improve(fit->sample[which], &objective, minima, error));
cleanup:
    free(weight);
    free(times);
    return status;
}

static ltm_status bootstrap(struct ltm_fit *fit, const struct fit_minima *minima, const struct ltm_fit_options *options,
                            const struct ltm_watch *watch, struct ltm_error *error) {
    enum { BLOCK = 64 };
    ltm_status status = NEW_ARRAY(fit->sample, (size_t)options->resamples, "resamples of a fit", error);
    for (int first = 0; status == LTM_OK && first < options->resamples; first += BLOCK) {
        const int last = first + BLOCK < options->resamples ? first + BLOCK : options->resamples;
#pragma omp parallel for schedule(dynamic, 1)
        for (int i = first; i < last; i++) {
            struct ltm_error mine = {0};
            if (resample(fit, minima, i, options->seed, &mine) == LTM_OK) continue;
#pragma omp critical(fit_failed)
            status = fail_with(error, &mine);
        }
        watch_progress(watch, "resampling", last, options->resamples);
    }
    fit->info.resamples = options->resamples;
    return status;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

struct ltm_fit_interval fit_interval(double value, double *values, size_t count, double share) {
    struct ltm_fit_interval interval = {value, NAN, NAN};
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i])) values[kept++] = values[i];
    if (kept < 2) return interval;
    qsort(values, kept, sizeof *values, ascending);
    for (int side = 0; side < 2; side++) {
        const double at = (side ? 0.5 + share / 2 : 0.5 - share / 2) * (double)(kept - 1);
        const size_t below = (size_t)at < kept - 1 ? (size_t)at : kept - 2;
        const double between = values[below] + (at - (double)below) * (values[below + 1] - values[below]);
        *(side ? &interval.high : &interval.low) = between;
    }
    return interval;
}

/* Parameters as in the written form: coefficients of plain features, not their logarithms. */
static void plain_parameters(const struct ltm_fit *fit, const double at[LTM_FIT_PARAMETERS],
                             double plain[LTM_FIT_PARAMETERS]) {
    memcpy(plain, at, LTM_FIT_PARAMETERS * sizeof *plain);
    fit_recentre(&fit->form, fit->rows.mean, 1, plain);
    for (int p = LTM_FIT_E; p <= LTM_FIT_F; p++) plain[p] = exp(plain[p]);
}

static ltm_status take_intervals(struct ltm_fit *fit, struct ltm_error *error) {
    const size_t count = (size_t)fit->info.resamples;
    double plain[LTM_FIT_PARAMETERS];
    double value[LTM_FIT_PARAMETERS];
    double *values = NULL;
    PASS_UP(NEW_ARRAY(values, count * LTM_FIT_PARAMETERS, "intervals", error));
    plain_parameters(fit, fit->at, value);
    for (size_t i = 0; i < count; i++) {
        plain_parameters(fit, fit->sample[i], plain);
        for (int p = 0; p < LTM_FIT_PARAMETERS; p++) values[(size_t)p * count + i] = plain[p];
    }
    for (int p = 0; p < LTM_FIT_PARAMETERS; p++)
        fit->info.parameter[p] = fit_interval(value[p], values + (size_t)p * count, count, fit->info.share);
    free(values);
    return LTM_OK;
}

static void note_steepest(struct ltm_fit_info *info) {
    for (int p = LTM_FIT_ALPHA; p < LTM_FIT_PARAMETERS && info->notes < LTM_FIT_NOTES; p++)
        if (fabs(info->parameter[p].value) > 0.99 * FIT_STEEPEST)
            snprintf(info->note[info->notes++], LTM_FIT_TEXT,
                     "%s ends at %.3g, the search limit of %d: the runs do not determine this exponent, and the "
                     "law's answer for a budget depends on that limit.",
                     ltm_fit_parameter_name((enum ltm_fit_parameter)p), info->parameter[p].value, FIT_STEEPEST);
}

/* At the limit of E an interval covers less than it appears to. */
static void note_zero(struct ltm_fit_info *info, const struct fit_rows *rows) {
    double least = HUGE_VAL;
    for (size_t i = 0; i < rows->count; i++) least = fmin(least, exp(rows->row[i].log_loss));
    if (info->notes == LTM_FIT_NOTES || !(info->parameter[LTM_FIT_E].value < 1e-3 * least)) return;
    snprintf(
        info->note[info->notes++], LTM_FIT_TEXT,
        "E ends at 0, its limit: the runs do not show where the loss levels off. Its interval shows how many resamples "
        "end there too, not where the true value is; trust the law between the runs, not beyond.");
}

/* ---- The whole ---- */

static ltm_status check(const struct ltm_fit *fit, const struct fit_form *plain, int forms, struct ltm_error *error) {
    if (forms == 0 || fit->rows.features == 0)
        return fail(
            error, LTM_INVALID,
            "a scaling law cannot be fitted: the %zu runs differ neither in parameters nor in tokens, latents or steps",
            fit->rows.count);
    char text[LTM_FIT_TEXT];
    const int parameters = parameters_of(plain);
    fit_form_write(plain, text, sizeof text);
    enum { FEWEST = 4 }; /* too few for a curve */
    const int least = parameters + 1 > FEWEST ? parameters + 1 : FEWEST;
    if (fit->rows.cells < (size_t)least)
        return fail(
            error, LTM_INVALID,
            "a fit of %s (%d unknown%s) needs at least %d runs that differ in more than their seed, but there are %zu",
            text, parameters, ltm_plural(parameters), least, fit->rows.cells);
    return LTM_OK;
}

static ltm_status fit_points(struct ltm_fit *fit, const struct ltm_fit_options *options, const struct ltm_watch *watch,
                             struct ltm_error *error) {
    struct candidate candidate[LTM_FIT_CANDIDATES] = {0};
    struct fit_form forms[LTM_FIT_CANDIDATES];
    const int all = fit_forms(forms, fit->rows.features, options->plain);
    int count = 0;
    ltm_status status;
    TRY(check(fit, &forms[0], all, error));
    for (int i = 0; i < all; i++)
        if (fit->rows.cells > (size_t)parameters_of(&forms[i])) candidate[count++].form = forms[i];
    TRY(fit_all(fit, candidate, count, watch, options, error));
    const struct candidate *chosen = &candidate[fit->info.chosen];
    fit->form = chosen->form;
    memcpy(fit->at, chosen->minima.at[0], sizeof fit->at);
    TRY(bootstrap(fit, &chosen->minima, options, watch, error));
    TRY(take_intervals(fit, error));
    note_steepest(&fit->info);
    note_zero(&fit->info, &fit->rows);
cleanup:
    for (int i = 0; i < LTM_FIT_CANDIDATES; i++) free(candidate[i].heldout);
    return status;
}

ltm_status ltm_fit(struct ltm_fit **out, const struct ltm_fit_point *points, size_t count,
                   const struct ltm_fit_options *options, const struct ltm_watch *watch, struct ltm_error *error) {
    struct ltm_fit_options fallback;
    struct ltm_fit *fit = NULL;
    ltm_status status;
    *out = NULL;
    ltm_fit_options_defaults(&fallback);
    if (!options) options = &fallback;
    if (!minimise_available()) {
        double value;
        return minimise(NULL, NULL, NULL, 0, 0, &value, error);
    }
    if (count == 0) return fail(error, LTM_INVALID, "a scaling law cannot be fitted: there are no runs");
    if (options->resamples < 0 || options->resamples > 1000000 || !(options->share > 0 && options->share < 1))
        return fail(error, LTM_INVALID,
                    "a fit takes 0 to 1,000,000 resamples and interval shares between 0 and 1, not %d and %g",
                    options->resamples, options->share);
    TRY(NEW_ARRAY(fit, 1, "a fit", error));
    TRY(NEW_ARRAY(fit->points, count, "the runs of a fit", error));
    memcpy(fit->points, points, count * sizeof *points);
    TRY(fit_rows_create(&fit->rows, points, count, &fit->info, error));
    fit->info.points = count;
    fit->info.cells = fit->rows.cells;
    fit->info.latent_scale = fit->rows.latent_scale;
    fit->info.share = options->share;
    TRY(fit_points(fit, options, watch, error));
    *out = fit;
    fit = NULL;
cleanup:
    ltm_fit_free(fit);
    return status;
}

double ltm_fit_predict(const struct ltm_fit *fit, const struct ltm_fit_point *point) {
    const struct fit_row row = fit_row_of(&fit->rows, point);
    return exp(fit_form_log(&fit->form, &row, fit->at, NULL));
}
