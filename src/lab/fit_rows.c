#include "lab/fit_rows.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

static void plain_features(double x[FIT_FEATURES], const struct ltm_fit_point *p, double latent_scale) {
    x[FEATURE_N] = log(p->parameters);
    x[FEATURE_D] = log(p->tokens);
    x[FEATURE_M] = latent_scale > 0 ? log1p(p->latent_numbers / latent_scale) : 0;
    x[FEATURE_S] = p->latent_numbers > 0 ? log(p->fast_steps) : 0;
}

struct fit_row fit_row_of(const struct fit_rows *rows, const struct ltm_fit_point *point) {
    struct fit_row row = {.log_loss = log(point->loss), .latents = point->latent_numbers > 0};
    plain_features(row.x, point, rows->latent_scale);
    for (int j = 0; j < FIT_FEATURES; j++) row.x[j] -= rows->mean[j];
    if (point->recurrent > 0 && point->loops > 1) {
        row.recurrent = point->recurrent / point->parameters;
        row.log_loops = log(point->loops);
    }
    return row;
}

static ltm_status check(const struct ltm_fit_point *p, size_t i, struct ltm_error *error) {
    if (!(p->loss > 0) || !isfinite(p->loss))
        return fail(error, LTM_INVALID, "run %zu of the fit has a loss of %g; it must be a number above 0", i + 1,
                    p->loss);
    if (!(p->parameters > 0) || !(p->tokens > 0) || !isfinite(p->parameters) || !isfinite(p->tokens))
        return fail(error, LTM_INVALID, "run %zu of the fit has %g parameters and %g tokens; both must be above 0",
                    i + 1, p->parameters, p->tokens);
    if (!(p->recurrent >= 0 && p->recurrent <= p->parameters) || !(p->loops >= 0) || !isfinite(p->loops))
        return fail(
            error, LTM_INVALID,
            "run %zu of the fit has %g parameters, %g of them run %g times; the second must be part of the first",
            i + 1, p->parameters, p->recurrent, p->loops);
    if (!(p->latent_numbers >= 0) || !isfinite(p->latent_numbers) || (p->latents > 0) != (p->latent_numbers > 0))
        return fail(error, LTM_INVALID, "run %zu of the fit has %d latents of %g numbers in all; give both or neither",
                    i + 1, p->latents, p->latent_numbers);
    if (p->latents > 0 && (!(p->fast_steps >= 1) || !isfinite(p->fast_steps)))
        return fail(error, LTM_INVALID, "run %zu of the fit has latents and %g fast steps; it needs at least 1", i + 1,
                    p->fast_steps);
    return LTM_OK;
}

static bool same_cell(const struct ltm_fit_point *a, const struct ltm_fit_point *b) {
    return a->parameters == b->parameters && a->tokens == b->tokens && a->latent_numbers == b->latent_numbers &&
           (a->latents == 0 || a->fast_steps == b->fast_steps) && a->recurrent == b->recurrent &&
           (a->recurrent == 0 || a->loops == b->loops);
}

__attribute__((format(printf, 2, 3))) static void note(struct ltm_fit_info *info, const char *format, ...) {
    if (info->notes == LTM_FIT_NOTES) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(info->note[info->notes++], LTM_FIT_TEXT, format, arguments);
    va_end(arguments);
}

/* How many values a feature has among the runs with (or without) latents, counting up to three; values within 2 %
 * count as one. */
static int values(const struct fit_rows *rows, enum fit_feature feature, int latents) {
    double seen[3];
    int count = 0;
    for (size_t i = 0; i < rows->count && count < 3; i++) {
        bool known = latents >= 0 && rows->row[i].latents != (latents == 1);
        for (int k = 0; k < count && !known; k++) known = fabs(rows->row[i].x[feature] - seen[k]) < 0.02;
        if (!known) seen[count++] = rows->row[i].x[feature];
    }
    return count;
}

/* Parameters of the cross-attention make N differ between runs with and without latents: that is no information about
 * N. */
static void find_features(struct fit_rows *rows, struct ltm_fit_info *info) {
    static const char *const what[] = {"parameter count", "count of training tokens", "latent size",
                                       "number of fast steps"};
    static const char *const term[] = {"A / N^α", "B / D^β", "m^γ", "S^δ"};
    for (int j = 0; j < FIT_FEATURES; j++) {
        int found = values(rows, (enum fit_feature)j, -1);
        if (j == FEATURE_N) {
            const int without = values(rows, FEATURE_N, 0);
            const int with = values(rows, FEATURE_N, 1);
            found = without > with ? without : with;
        }
        if (j == FEATURE_S) found = values(rows, FEATURE_S, 1);
        if (found >= 2) rows->features |= 1u << j;
        if (j >= FEATURE_M && rows->latent_scale == 0) continue; /* plain decoders only: not relevant */
        if (found < 2)
            note(info, "The runs have only one %s: the fit leaves out %s and cannot say what another value would do.",
                 what[j], term[j]);
        else if (found == 2 && j < FEATURE_M)
            note(info,
                 "The runs have only two values of the %s, too few to show how %s bends: trust it "
                 "between them, not beyond.",
                 what[j], term[j]);
    }
}

ltm_status fit_rows_create(struct fit_rows *rows, const struct ltm_fit_point *points, size_t count,
                           struct ltm_fit_info *info, struct ltm_error *error) {
    ltm_status status;
    *rows = (struct fit_rows){.count = count};
    for (size_t i = 0; i < count; i++) {
        if ((status = check(&points[i], i, error)) != LTM_OK) return status;
        const double m = points[i].latent_numbers;
        if (m > 0 && (rows->latent_scale == 0 || m < rows->latent_scale)) rows->latent_scale = m;
    }
    if ((status = NEW_ARRAY(rows->row, count, "the runs of a fit", error)) != LTM_OK) return status;
    if ((status = NEW_ARRAY(rows->cell, count, "the runs of a fit", error)) != LTM_OK) {
        fit_rows_free(rows);
        return status;
    }
    double mean[FIT_FEATURES] = {0};
    for (size_t i = 0; i < count; i++) {
        rows->row[i] = fit_row_of(rows, &points[i]);
        for (int j = 0; j < FIT_FEATURES; j++) mean[j] += rows->row[i].x[j] / (double)count;
        size_t twin = 0;
        while (twin < i && !same_cell(&points[twin], &points[i])) twin++;
        rows->cell[i] = twin < i ? rows->cell[twin] : (int)rows->cells++;
    }
    find_features(rows, info);
    for (size_t i = 1; i < count; i++)
        if (rows->row[i].log_loops != rows->row[0].log_loops) rows->features |= FIT_LOOPS;
    for (int j = 0; j < FIT_FEATURES; j++) rows->mean[j] = mean[j];
    for (size_t i = 0; i < count; i++) rows->row[i] = fit_row_of(rows, &points[i]);
    return LTM_OK;
}

void fit_rows_free(struct fit_rows *rows) {
    free(rows->row);
    free(rows->cell);
    *rows = (struct fit_rows){0};
}
