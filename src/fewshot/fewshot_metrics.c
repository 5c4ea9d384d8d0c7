#include "fewshot/fewshot_metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

ltm_status outcome_add(struct item_outcome *outcome, const char *name, const char *filter, double value,
                       struct ltm_error *error) {
    if (outcome->count == outcome->room) {
        const int room = outcome->room ? 2 * outcome->room : 4;
        struct item_metric *metrics = realloc(outcome->metrics, (size_t)room * sizeof *metrics);
        if (!metrics) return fail_memory(error, (size_t)room * sizeof *metrics, "metrics");
        outcome->metrics = metrics;
        outcome->room = room;
    }
    struct item_metric *metric = &outcome->metrics[outcome->count++];
    metric->value = value;
    snprintf(metric->name, sizeof metric->name, "%s", name);
    snprintf(metric->filter, sizeof metric->filter, "%s", filter);
    return LTM_OK;
}

void outcome_free(struct item_outcome *outcome) {
    free(outcome->metrics);
    *outcome = (struct item_outcome){0};
}

double pass_at_k(int n, int c, int k) {
    double none = 1;
    for (int i = n - c + 1; i <= n; i++) none *= i > k ? 1 - (double)k / i : 0; /* of C(n-c, k) / C(n, k) */
    return 1 - none;
}

int largest(const double *values, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (values[i] > values[best]) best = i;
    return best;
}

struct averages {
    struct ltm_fewshot_metric *all;
    int count, room;
};

static struct ltm_fewshot_metric *find(const struct averages *averages, const struct item_metric *metric) {
    for (int i = 0; i < averages->count; i++)
        if (strcmp(averages->all[i].name, metric->name) == 0 && strcmp(averages->all[i].filter, metric->filter) == 0)
            return &averages->all[i];
    return NULL;
}

static ltm_status add(struct averages *averages, const struct item_metric *metric, struct ltm_error *error) {
    struct ltm_fewshot_metric *found = find(averages, metric);
    if (!found) {
        if (averages->count == averages->room) {
            const int room = averages->room ? 2 * averages->room : 8;
            struct ltm_fewshot_metric *all = realloc(averages->all, (size_t)room * sizeof *all);
            if (!all) return fail_memory(error, (size_t)room * sizeof *all, "metrics");
            averages->all = all;
            averages->room = room;
        }
        found = &averages->all[averages->count++];
        *found = (struct ltm_fewshot_metric){.value = 0};
        strcpy(found->name, metric->name);
        strcpy(found->filter, metric->filter);
    }
    found->value += metric->value;
    found->items++;
    return LTM_OK;
}

/* Squared deviations from the mean, over n - 1 and n: of items, or of sums over those that ask the same. `sums` (items)
 * is zero. */
static double error_of(const struct ltm_fewshot_metric *mean, const struct item_outcome *outcomes, int64_t items,
                       double *sums) {
    const double n = (double)mean->items;
    int64_t groups = 0;
    double squares = 0;
    for (int64_t item = 0; item < items; item++)
        for (int m = 0; m < outcomes[item].count; m++) {
            const struct item_metric *metric = &outcomes[item].metrics[m];
            if (strcmp(metric->name, mean->name) != 0 || strcmp(metric->filter, mean->filter) != 0) continue;
            const int64_t first = outcomes[item].same ? outcomes[item].same - 1 : item;
            const double off = metric->value - mean->value;
            squares += (2 * sums[first] + off) * off; /* (s + off)² - s² */
            sums[first] += off;
            groups += first == item;
        }
    memset(sums, 0, (size_t)items * sizeof *sums);
    return groups > 1 ? sqrt(squares / ((double)groups - 1) * (double)groups / n / n) : NAN;
}

/* Sums become means, with their errors. */
static ltm_status finish(struct averages *averages, const struct item_outcome *outcomes, int64_t items,
                         struct ltm_error *error) {
    double *sums = NULL;
    ltm_status status = NEW_ARRAY(sums, (size_t)items, "metrics", error);
    if (status != LTM_OK) return status;
    for (int i = 0; i < averages->count; i++) {
        struct ltm_fewshot_metric *m = &averages->all[i];
        m->value /= (double)m->items;
        m->error = error_of(m, outcomes, items, sums);
        if (strcmp(m->name, "perplexity") == 0) {
            m->value = exp(-m->value);
            m->error *= m->value;
        }
    }
    free(sums);
    return LTM_OK;
}

ltm_status outcomes_average(struct ltm_fewshot_metric **metrics, int *count, const struct item_outcome *outcomes,
                            int64_t items, struct ltm_error *error) {
    struct averages averages = {0};
    for (int64_t item = 0; item < items; item++)
        for (int m = 0; m < outcomes[item].count; m++) {
            ltm_status status = add(&averages, &outcomes[item].metrics[m], error);
            if (status == LTM_OK) continue;
            free(averages.all);
            return status;
        }
    ltm_status status = finish(&averages, outcomes, items, error);
    if (status != LTM_OK) {
        free(averages.all);
        return status;
    }
    *metrics = averages.all;
    *count = averages.count;
    return LTM_OK;
}
