#include "fewshot/fewshot_item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fewshot/fewshot_score.h"
#include "fewshot/fewshot_write.h"
#include "tasks/prompt.h"

/* A text has at most one token per byte: only long ones need encoding. */
bool fewshot_item_is_long(const struct fewshot_run *run, int64_t number) {
    const struct task_item *item = &run->task->items.all[number];
    const size_t most = (size_t)run->longest;
    bool is_long = false;
    for (int i = 0; run->task->kind != TASK_GENERATE && i < (item->choices ? item->count : 1) && !is_long; i++) {
        const char *answer = item->choices ? item->choices[i] : item->answer;
        char *text = NULL;
        char *prompt = NULL;
        size_t tokens = 0;
        if (strlen(answer) + strlen(run->task->delimiter) + strlen(item->context) <= most) continue;
        if (prompt_make(&prompt, run->task, number, i, run->options.shots, run->options.seed, NULL) != LTM_OK ||
            asprintf(&text, "%s%s", run->task->delimiter, answer) < 0 ||
            score_tokens(&tokens, run->tokenizer, prompt, text, NULL) != LTM_OK)
            tokens = 0; /* short of memory: reported when the item comes */
        is_long = tokens > most;
        free(text);
        free(prompt);
    }
    return is_long;
}

static ltm_status skip(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                       int64_t number, struct ltm_error *error) {
    outcome->skipped = true;
    ltm_status status = record_make(record, run, number, false, json_array(), json_array(), error);
    return status == LTM_OK ? record_filter(record, "none", json_array(), error) : status;
}

/* Optional fields of an item's lines. */
static bool note(struct item_record *record, const struct item_outcome *outcome) {
    json_t *to = record->shared;
    return (!outcome->diverged || json_object_set_new(to, "diverged", json_true()) == 0) &&
           (!outcome->skipped || json_object_set_new(to, "skipped", json_true()) == 0) &&
           (!outcome->unfinished || json_object_set_new(to, "unfinished", json_integer(outcome->unfinished)) == 0);
}

/* depth, and depth@… of the bins that the item's acc@… are in. */
static ltm_status add_depth(struct item_outcome *outcome, const struct prompted *p, struct ltm_error *error) {
    const int count = outcome->count;
    char name[METRIC_NAME] = "depth";
    if (!p->looped) return LTM_OK;
    for (int i = -1; i < count; i++) {
        const struct item_metric like = outcome->metrics[i < 0 ? 0 : i];
        if (i >= 0 && (strncmp(like.name, "acc@", 4) != 0 || strlen(like.name) + 3 > METRIC_NAME)) continue;
        if (i >= 0) snprintf(name, sizeof name, "depth@%.41s", like.name + 4);
        PASS_UP(outcome_add(outcome, name, like.filter, p->loops / (double)p->looped, error));
    }
    return LTM_OK;
}

ltm_status fewshot_item(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                        struct fewshot_worker *worker, int64_t number, struct ltm_error *error) {
    char *prompt = NULL;
    ltm_status status;
    *outcome = (struct item_outcome){0};
    *record = (struct item_record){0};
    worker->prompted.loops = 0;
    worker->prompted.looped = 0;
    if (run->options.skip_long && fewshot_item_is_long(run, number)) {
        status = skip(outcome, record, run, number, error);
    } else {
        status = prompt_make(&prompt, run->task, number, run->task->items.all[number].gold, run->options.shots,
                             run->options.seed, error);
        if (status == LTM_OK)
            status = (run->task->kind == TASK_GENERATE ? fewshot_write : fewshot_score)(outcome, record, run, worker,
                                                                                        number, prompt, error);
        free(prompt);
        outcome->cut = worker->prompted.cut;
        outcome->diverged = worker->prompted.diverged;
    }
    if (status == LTM_OK) status = add_depth(outcome, &worker->prompted, error);
    if (status == LTM_OK && !note(record, outcome)) status = json_fail_memory("an item's record", error);
    outcome->done = status == LTM_OK;
    return status;
}
