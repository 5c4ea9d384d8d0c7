#include "probe/sparsity_score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "ltm/printable.h"
#include "probe/probe_sparsity.h"

enum { COLUMNS_MOST = 12, CONTROLS = 3 };

/* What sparsity is compared with: of each item one number. */
struct column {
    char name[48];
    double *values; /* [test] */
};

static double dot(const double *a, const double *b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* x -= its part along each of the orthonormal rows; what is left of rounding alone becomes 0. */
static void take_out(double *x, const double *rows, int count, int n) {
    const double before = dot(x, x, n);
    for (int k = 0; k < count; k++) {
        const double *row = rows + (size_t)k * (size_t)n;
        const double along = dot(x, row, n);
        for (int i = 0; i < n; i++) x[i] -= along * row[i];
    }
    if (dot(x, x, n) <= 1e-18 * before) memset(x, 0, (size_t)n * sizeof *x);
}

/* Make the rows orthonormal, one after another; one that says nothing new is left at 0. */
static void orthonormal(double *rows, int count, int n) {
    for (int k = 0; k < count; k++) {
        double *row = rows + (size_t)k * (size_t)n;
        take_out(row, rows, k, n);
        const double size = sqrt(dot(row, row, n));
        for (int i = 0; i < n && size > 0; i++) row[i] /= size;
    }
}

/* The correlation of what is left of x and y, in `room` (2 n), when their regression on the rows is taken out; NAN where nothing is. */
static double correlation(const double *x, const double *y, const double *rows, int count, int n, double *room) {
    memcpy(room, x, (size_t)n * sizeof *x);
    memcpy(room + n, y, (size_t)n * sizeof *y);
    take_out(room, rows, count, n);
    take_out(room + n, rows, count, n);
    return dot(room, room + n, n) / sqrt(dot(room, room, n) * dot(room + n, room + n, n));
}

/* 1 - the largest cosine of a document's mean state with one of the training items'. */
static double unfamiliarity(const struct probe_features *f, int64_t document, int train) {
    const size_t width = (size_t)f->width;
    const float *own = f->rows + (size_t)document * width + f->latents;
    double most = -1;
    for (int i = 0; i < train; i++) {
        const float *other = f->rows + (size_t)i * width + f->latents;
        double sums[3] = {0};
        for (int j = 0; j < f->dim; j++) {
            sums[0] += (double)own[j] * (double)other[j];
            sums[1] += (double)own[j] * (double)own[j];
            sums[2] += (double)other[j] * (double)other[j];
        }
        most = fmax(most, sums[0] / sqrt(sums[1] * sums[2]));
    }
    return 1 - most;
}

static double number_of(const struct task_item *item, const char *name) {
    const json_t *own = json_object_get(item->json, name);
    return json_number_value(own ? own : json_object_get(json_object_get(item->json, "factors"), name));
}

static ltm_status add_column(struct column *columns, int *count, const char *name, int test, struct ltm_error *error) {
    struct column *c = &columns[*count];
    ltm_printable(c->name, sizeof c->name, name);
    PASS_UP(NEW_ARRAY(c->values, (size_t)test, "sparsity", error));
    (*count)++;
    return LTM_OK;
}

static bool is_there(const struct column *columns, int count, const char *name) {
    for (int k = 0; k < count; k++)
        if (strcmp(columns[k].name, name) == 0) return true;
    return false;
}

/* A number that the items tell of themselves, or among their factors, and that is not the same in all. One of both names is one. */
static ltm_status add_numbers(struct column *columns, int *count, const json_t *object, const struct task *task,
                              int test, struct ltm_error *error) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        bool varies = false;
        if (!json_is_number(value) || strcmp(name, "gold") == 0 || *count == COLUMNS_MOST) continue;
        if (is_there(columns, *count, name)) continue;
        const double first = number_of(&task->items.all[0], name);
        for (int i = 1; i < test; i++) varies = varies || number_of(&task->items.all[i], name) != first;
        if (!varies) continue;
        PASS_UP(add_column(columns, count, name, test, error));
        for (int i = 0; i < test; i++) columns[*count - 1].values[i] = number_of(&task->items.all[i], name);
    }
    return LTM_OK;
}

static ltm_status make_columns(struct column *columns, int *count, const struct probe_features *f,
                               const struct task *task, int train, int test, struct ltm_error *error) {
    const json_t *item = task->items.all[0].json;
    PASS_UP(add_column(columns, count, "surprise", test, error));
    PASS_UP(add_column(columns, count, "unfamiliar", test, error));
    for (int i = 0; i < test; i++) {
        columns[0].values[i] = f->sparsity->surprise[train + i];
        columns[1].values[i] = unfamiliarity(f, train + i, train);
    }
    PASS_UP(add_numbers(columns, count, item, task, test, error));
    return add_numbers(columns, count, json_object_get(item, "factors"), task, test, error);
}

/* One measure of one place against all columns. rows: what is controlled for; x (n), room (2 n). */
static void score_measure(struct ltm_probe_result *result, const struct probe_sparsity *s, int place, int measure,
                          const struct column *columns, int count, const double *rows, int n, const double *x,
                          double *room) {
    static const char *const names[] = {"hoyer", "top tenth", "change"};
    const struct layer_place at = s->name[place];
    double mean = 0;
    for (int i = 0; i < n; i++) mean += x[i] / n;
    for (int k = 0; k < count; k++) {
        struct ltm_probe_sparsity *row = &result->sparsity[result->sparsity_count++];
        *row = (struct ltm_probe_sparsity){.layer = at.layer, .loop = at.loop, .mean = mean};
        snprintf(row->measure, sizeof row->measure, "%s", names[measure]);
        memcpy(row->against, columns[k].name, sizeof row->against);
        row->correlation = correlation(x, columns[k].values, rows, 1, n, room);
        row->partial = correlation(x, columns[k].values, rows, CONTROLS, n, room);
        row->error = n > CONTROLS + 2 ? (1 - row->partial * row->partial) / sqrt(n - CONTROLS - 1) : NAN;
    }
}

ltm_status probe_sparsity_score(struct ltm_probe_result *result, const struct probe_features *f,
                                const struct task *task, int train, int test, struct ltm_error *error) {
    const struct probe_sparsity *s = f->sparsity;
    const size_t n = (size_t)test;
    struct column columns[COLUMNS_MOST] = {0};
    double *rows = NULL; /* 1, log length, log norm; then x, and room */
    int count = 0;
    ltm_status status = LTM_OK;
    TRY(make_columns(columns, &count, f, task, train, test, error));
    TRY(NEW_ARRAY(rows, (CONTROLS + 3) * n, "sparsity", error));
    TRY(NEW_ARRAY(result->sparsity, (size_t)s->places * SPARSITY_MEASURES * (size_t)count, "sparsity", error));
    double *x = rows + CONTROLS * n;
    for (int p = s->places - 1; p >= 0; p--) {
        const size_t step = (size_t)s->places * SPARSITY_NUMBERS;
        const double *numbers = s->numbers + (size_t)train * step + (size_t)p * SPARSITY_NUMBERS;
        for (size_t i = 0; i < n; i++) {
            rows[i] = 1;
            rows[n + i] = log(f->all[(size_t)train + i].tokens);
            rows[2 * n + i] = numbers[i * step + SPARSITY_NORM];
        }
        orthonormal(rows, CONTROLS, test);
        for (int m = 0; m < SPARSITY_MEASURES; m++) {
            if (m == SPARSITY_CHANGE && s->name[p].loop < 2) continue;
            for (size_t i = 0; i < n; i++) x[i] = numbers[i * step + (size_t)m];
            score_measure(result, s, p, m, columns, count, rows, test, x, x + n);
        }
    }
cleanup:
    for (int k = 0; k < COLUMNS_MOST; k++) free(columns[k].values);
    free(rows);
    return status;
}
