#include "fewshot/fewshot_item.h"

#include <stdlib.h>

#include "base/json.h"
#include "fewshot/fewshot_score.h"
#include "fewshot/fewshot_write.h"
#include "tasks/prompt.h"

ltm_status fewshot_item(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                        struct fewshot_worker *worker, int64_t number, struct ltm_error *error) {
    char *prompt = NULL;
    *outcome = (struct item_outcome){0};
    *record = (struct item_record){0};
    ltm_status status = prompt_make(&prompt, run->task, number, run->task->items.all[number].gold, run->options.shots,
                                    run->options.seed, error);
    if (status == LTM_OK)
        status = (run->task->kind == TASK_GENERATE ? fewshot_write : fewshot_score)(outcome, record, run, worker,
                                                                                    number, prompt, error);
    free(prompt);
    outcome->cut = worker->prompted.cut;
    outcome->diverged = worker->prompted.diverged;
    if (status == LTM_OK && outcome->diverged && json_object_set_new(record->shared, "diverged", json_true()) != 0)
        status = json_fail_memory("an item's record", error);
    outcome->done = status == LTM_OK;
    return status;
}
