/* Metrics of items, and their means over items. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "ltm/fewshot.h"

enum { METRIC_NAME = 48, METRIC_FILTER = 32 };

struct item_metric {
    char name[METRIC_NAME], filter[METRIC_FILTER];
    double value; /* of `perplexity`: the log-likelihood, as in the harness */
};

struct item_outcome {
    struct item_metric *metrics; /* [count] */
    int count, room;
    bool done, cut; /* cut: the prompt was too long */
    bool diverged;  /* the prompt's fit diverged, so z came from the prior */
    bool skipped;   /* an answer is longer than the model's sequence */
    int64_t same;   /* 1 + place of the first item that asks the same; 0 = it is the first, or not checked */
    int unfinished; /* texts that ended at the length limit, without a stop */
};

ltm_status outcome_add(struct item_outcome *outcome, const char *name, const char *filter, double value,
                       struct ltm_error *error);
void outcome_free(struct item_outcome *outcome);

/* 1 - C(n-c, k) / C(n, k): the chance that at least one of k samples drawn from n, c of them right, is right (Chen et
 * al., "Evaluating large language models trained on code", 2021, equation 1). 1 <= k <= n, 0 <= c <= n. */
double pass_at_k(int n, int c, int k);

/* The index of the largest of n values, the first of equals. */
int largest(const double *values, int n);

/* Means over the outcomes that have a metric, in the order in which metrics first appear. Items that ask the same count
 * as one for errors: their deviations are added first. The caller frees *metrics. */
ltm_status outcomes_average(struct ltm_fewshot_metric **metrics, int *count, const struct item_outcome *outcomes,
                            int64_t items, struct ltm_error *error);
