#include "lab/fit_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { SHORT = 20, LONG = 3000, FINISHED = 12 }; /* iterations from every start; from the best; how many of these */

struct start {
    double value;
    int place; /* in the grid: the first of equals wins, so that the order of threads does not matter */
    int band;  /* which E it began from */
    double at[LTM_FIT_PARAMETERS];
};

static int lower_first(const void *a, const void *b) {
    const struct start *x = a;
    const struct start *y = b;
    return x->value != y->value ? (x->value < y->value ? -1 : 1) : (x->place > y->place) - (x->place < y->place);
}

void fit_recentre(const struct fit_form *form, const double mean[FIT_FEATURES], double sign,
                  double at[LTM_FIT_PARAMETERS]) {
    for (int t = 0; t < form->terms; t++)
        for (int j = 0; j < FIT_FEATURES; j++)
            if (form->term[t].features & 1u << j)
                at[form->term[t].coefficient] += sign * at[fit_exponent((enum fit_feature)j)] * mean[j];
}

/* Values that a parameter starts from: Hoffmann's for E, A, B, α, β, in plain coordinates; ours for the rest, in centred
 * ones, where a new term begins as a share of the loss. */
static int start_values(enum ltm_fit_parameter parameter, const double **values) {
    static const double e[] = {-1, -0.5, 0, 0.5, 1};
    static const double ab[] = {0, 5, 10, 15, 20, 25};
    static const double exponent[] = {0, 0.5, 1, 1.5, 2};
    static const double phi[] = {0, 0.3, 0.6, 1};
    static const double added[] = {-8, -4, -1.5, 0};
    static const double added_exponent[] = {-0.5, 0, 0.05, 0.3, 1};
    switch (parameter) {
    case LTM_FIT_E:
        *values = e;
        return 5;
    case LTM_FIT_A:
    case LTM_FIT_B:
        *values = ab;
        return 6;
    case LTM_FIT_ALPHA:
    case LTM_FIT_BETA:
        *values = exponent;
        return 5;
    case LTM_FIT_PHI:
        *values = phi;
        return 4;
    case LTM_FIT_C:
    case LTM_FIT_F:
        *values = added;
        return 4;
    default:
        *values = added_exponent;
        return 5;
    }
}

/* The parameters that a start varies: all, or those that `from` lacks. */
static int varied(const struct fit_form *form, const struct fit_minima *from,
                  enum ltm_fit_parameter list[LTM_FIT_PARAMETERS]) {
    enum ltm_fit_parameter all[LTM_FIT_PARAMETERS];
    const int count = fit_form_parameters(form, all);
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (!from || isnan(from->at[0][all[i]])) list[kept++] = all[i];
    return kept;
}

static ltm_status make_starts(struct start **starts, size_t *count, const struct fit_form *form,
                              const struct fit_minima *from, const double mean[FIT_FEATURES], struct ltm_error *error) {
    enum ltm_fit_parameter list[LTM_FIT_PARAMETERS];
    const int vary = varied(form, from, list);
    const double *values;
    size_t combinations = 1;
    for (int i = 0; i < vary; i++) combinations *= (size_t)start_values(list[i], &values);
    *count = combinations * (size_t)(from ? from->starts : 1);
    PASS_UP(NEW_ARRAY(*starts, *count, "the starts of a fit", error));
    for (size_t s = 0; s < *count; s++) {
        struct start *start = &(*starts)[s];
        size_t rest = s % combinations;
        start->place = (int)s;
        for (int p = 0; p < LTM_FIT_PARAMETERS; p++) start->at[p] = from ? from->at[s / combinations][p] : NAN;
        for (int i = 0; i < vary; i++) {
            const size_t n = (size_t)start_values(list[i], &values);
            start->at[list[i]] = values[rest % n];
            rest /= n;
        }
        start->band = (int)(from ? s / combinations : s % FIT_BANDS); /* E is the first that a plain form varies */
        if (!from) fit_recentre(form, mean, -1, start->at);
    }
    return LTM_OK;
}

static ltm_status descend(struct start *start, const struct fit_objective *objective, int iterations,
                          struct ltm_error *error) {
    enum ltm_fit_parameter list[LTM_FIT_PARAMETERS];
    double x[MINIMISE_MOST];
    fit_form_gather(objective->form, start->at, x);
    ltm_status status = minimise(fit_objective_value, objective, x, fit_form_parameters(objective->form, list),
                                 iterations, &start->value, error);
    fit_form_spread(objective->form, x, start->at);
    return status;
}

static ltm_status descend_all(struct start *starts, size_t count, const struct fit_objective *objective, int iterations,
                              struct ltm_error *error) {
    ltm_status status = LTM_OK;
#pragma omp parallel for schedule(dynamic, 8)
    for (size_t s = 0; s < count; s++) {
        struct ltm_error mine = {0};
        if (descend(&starts[s], objective, iterations, &mine) == LTM_OK) continue;
#pragma omp critical(fit_failed)
        status = fail_with(error, &mine);
    }
    if (status == LTM_OK) qsort(starts, count, sizeof *starts, lower_first);
    return status;
}

/* The best start of each band, the best band first. */
static int first_of_bands(double at[][LTM_FIT_PARAMETERS], const struct start *starts, size_t count) {
    unsigned seen = 0;
    int bands = 0;
    for (size_t s = 0; s < count; s++) {
        if (seen & 1u << starts[s].band) continue;
        seen |= 1u << starts[s].band;
        memcpy(at[bands++], starts[s].at, sizeof starts[s].at);
    }
    return bands;
}

ltm_status fit_search(struct fit_minima *minima, const struct fit_objective *objective, const struct fit_minima *from,
                      const double mean[FIT_FEATURES], struct ltm_error *error) {
    struct start *starts = NULL;
    size_t count;
    ltm_status status;
    minima->count = 0;
    TRY(make_starts(&starts, &count, objective->form, from, mean, error));
    TRY(descend_all(starts, count, objective, SHORT, error));
    double fresh[FIT_MINIMA + FIT_BANDS][LTM_FIT_PARAMETERS];
    const int bands = first_of_bands(fresh, starts, count);
    count = count < FINISHED ? count : FINISHED;
    TRY(descend_all(starts, count, objective, LONG, error));
    for (size_t s = 0; s < count && minima->count < FIT_MINIMA; s++) {
        /* Nearly equal values count as the same minimum. */
        if (minima->count && starts[s].value < minima->value[minima->count - 1] * (1 + 1e-6) + 1e-9) continue;
        minima->value[minima->count] = starts[s].value;
        for (int p = 0; p < LTM_FIT_PARAMETERS; p++) minima->at[minima->count][p] = starts[s].at[p];
        minima->count++;
    }
    minima->starts = minima->count;
    for (int b = 0; b < bands && minima->starts < FIT_MINIMA + FIT_BANDS; b++)
        memcpy(minima->at[minima->starts++], fresh[b], sizeof fresh[b]);
cleanup:
    free(starts);
    return status;
}

ltm_status fit_improve(double at[LTM_FIT_PARAMETERS], const struct fit_objective *objective,
                       const struct fit_minima *from, struct ltm_error *error) {
    double lowest = HUGE_VAL;
    for (int m = 0; m < from->starts; m++) {
        struct start start = {.place = m};
        for (int p = 0; p < LTM_FIT_PARAMETERS; p++) start.at[p] = from->at[m][p];
        PASS_UP(descend(&start, objective, LONG, error));
        if (start.value >= lowest) continue;
        lowest = start.value;
        for (int p = 0; p < LTM_FIT_PARAMETERS; p++) at[p] = start.at[p];
    }
    return LTM_OK;
}
