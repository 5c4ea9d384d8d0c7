/* The common data of the items of a few-shot run, and the record of one. */
#pragma once

#include "fewshot/fewshot_metrics.h"
#include "fewshot/prompted.h"
#include "tasks/task.h"

/* The common data of all items of a run. */
struct fewshot_run {
    const struct ltm_tokenizer *tokenizer;
    const struct task *task;
    struct ltm_fewshot_options options; /* nothing in it is auto */
    struct prompted_options prompted;
    int sequence; /* T_max */
    int longest;  /* prompted_longest */
    int room;     /* tokens kept free after a prompt */
};

/* One thread's. */
struct fewshot_worker {
    struct prompted prompted;
    struct sampler sampler;
};

/* An item's record for the results: the fields of all its lines, and the output of each filter. */
struct item_record {
    json_t *shared;   /* doc_id, doc, target, arguments, resps, cut; diverged, skipped, unfinished if set */
    json_t *filtered; /* {filter: [its output for each response]} */
};
void record_free(struct item_record *record);

/* Record the requests and answers. Takes `arguments`, `responses`; NULL for either is LTM_MEMORY. */
ltm_status record_make(struct item_record *record, const struct fewshot_run *run, int64_t number, bool cut,
                       json_t *arguments, json_t *responses, struct ltm_error *error);

/* Record the output of `filter`. Takes `taken`; NULL is LTM_MEMORY. */
ltm_status record_filter(struct item_record *record, const char *filter, json_t *taken, struct ltm_error *error);

/* The family's metrics of some outputs (right[i]: whether output i is right), as means over those that have a metric,
 * into outcome and record. */
ltm_status measure_family(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                          int64_t number, char *const *outputs, const bool *right, int count, struct ltm_error *error);
