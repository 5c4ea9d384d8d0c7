/* Metrics of items, and their means over items. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "ltm/fewshot.h"

enum { METRIC_NAME = 48, METRIC_FILTER = 32 };

struct item_metric {
    char name[METRIC_NAME], filter[METRIC_FILTER];
    double value; /* of `perplexity`: the log-likelihood, as the harness keeps it */
};

struct item_outcome {
    struct item_metric *metrics; /* [count] */
    int count, room;
    bool done, cut; /* cut: the prompt was too long */
    bool diverged;  /* the prompt's fit did, and z came from the prior */
    bool skipped;   /* an answer is longer than the model's sequence */
    int64_t same;   /* place of the first item that asks the same, + 1; 0 = it is itself the first, or nobody looked */
    int unfinished; /* texts that ended at the length, by no stop */
};

ltm_status outcome_add(struct item_outcome *outcome, const char *name, const char *filter, double value,
                       struct ltm_error *error);
void outcome_free(struct item_outcome *outcome);

/* 1 - C(n-c, k) / C(n, k): the chance that of k samples drawn from n, c of them right, one at least is (Chen et al.,
 * "Evaluating large language models trained on code", 2021, equation 1). 1 <= k <= n, 0 <= c <= n. */
double pass_at_k(int n, int c, int k);

/* The place of the largest of n values, the first of equals. */
int largest(const double *values, int n);

/* Means over the outcomes that have a metric, in the order in which metrics first appear. Items that ask the same count as one where
 * errors are taken: what they are off is added up first. The caller frees *metrics. */
ltm_status outcomes_average(struct ltm_fewshot_metric **metrics, int *count, const struct item_outcome *outcomes,
                            int64_t items, struct ltm_error *error);
