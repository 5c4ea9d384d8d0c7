/* What the items of a few-shot run share, and what is kept of one. */
#pragma once

#include "fewshot/fewshot_metrics.h"
#include "fewshot/prompted.h"
#include "tasks/task.h"

/* What all items of a run share. */
struct fewshot_run {
    const struct ltm_tokenizer *tokenizer;
    const struct task *task;
    struct ltm_fewshot_options options; /* nothing in it is auto */
    struct prompted_options prompted;
    int sequence; /* T_max */
    int room;     /* tokens kept free behind a prompt */
};

/* One thread's. */
struct fewshot_worker {
    struct prompted prompted;
    struct sampler sampler;
};

/* An item as results keep it: what all its lines hold, and by filter what that took from the responses. */
struct item_record {
    json_t *shared; /* doc_id, doc, target, arguments, resps, cut; where there are any diverged, skipped, unfinished */
    json_t *filtered; /* {filter: [what it took of each response]} */
};
void record_free(struct item_record *record);

/* Keep what was asked and answered in the record. Takes `arguments`, `responses`; NULL for either is LTM_MEMORY. */
ltm_status record_make(struct item_record *record, const struct fewshot_run *run, int64_t number, bool cut,
                       json_t *arguments, json_t *responses, struct ltm_error *error);

/* What `filter` took. Takes `taken`; NULL is LTM_MEMORY. */
ltm_status record_filter(struct item_record *record, const char *filter, json_t *taken, struct ltm_error *error);

/* What the task's family measures of some outputs, of which right[i] are, means over those that have a metric, into outcome and
 * record. */
ltm_status measure_family(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                          int64_t number, char *const *outputs, const bool *right, int count, struct ltm_error *error);
