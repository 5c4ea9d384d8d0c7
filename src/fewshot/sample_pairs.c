#include "fewshot/sample_pairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fewshot/sample_lines.h"

static ltm_status is_right(bool *right, const struct task *task, const struct task_item *item, const char *text,
                           struct ltm_error *error) {
    const struct text_list one = {(char **)&item->answer, 1};
    const struct text_list *golds = item->accepted.count ? &item->accepted : &one;
    const struct answer_filter *filter = &task->rules.filters[0];
    char *answer = NULL;
    ltm_status status = answer_extract(&answer, filter, text, error);
    *right = false;
    for (int i = 0; status == LTM_OK && i < golds->count && !*right; i++)
        status = answer_is_right(right, &task->rules, filter, golds->all[i], answer, error);
    free(answer);
    return status;
}

/* Whether the list contains such a text. */
static bool holds(const json_t *list, const json_t *text) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), text)) return true;
    return false;
}

/* Distinct texts, in the order in which they were written. An empty one is not an answer to train on. */
static ltm_status sort_out(json_t *right, json_t *wrong, const struct task *task, const struct task_item *item,
                           const json_t *texts, struct ltm_error *error) {
    for (size_t i = 0; i < json_array_size(texts); i++) {
        json_t *text = json_array_get(texts, i);
        bool is = false;
        if (!*json_string_value(text)) continue;
        PASS_UP(is_right(&is, task, item, json_string_value(text), error));
        if (!holds(is ? right : wrong, text) && json_array_append(is ? right : wrong, text) != 0)
            return json_fail_memory("samples", error);
    }
    return LTM_OK;
}

static ltm_status write_pairs(const void *user, struct file_draft *draft, int64_t number, const json_t *line,
                              struct ltm_error *error) {
    const struct task *task = user;
    const struct task_item *item = &task->items.all[number];
    const json_t *texts = json_array_get(json_object_get(line, "resps"), 0);
    json_t *prompt = json_object_get(json_object_get(json_object_get(line, "arguments"), "gen_args_0"), "arg_0");
    json_t *right = json_array();
    json_t *wrong = json_array();
    ltm_status status = LTM_OK;
    TRY(sort_out(right, wrong, task, item, texts, error));
    if (json_array_size(right) == 0 &&
        json_array_append_new(right, json_pack("s+", task->delimiter, item->answer)) != 0)
        status = json_fail_memory("samples", error);
    for (size_t i = 0; i < json_array_size(wrong) && status == LTM_OK; i++)
        status = sample_lines_put(draft,
                                  json_pack("{s:O, s:O, s:O}", "prompt", prompt, "chosen",
                                            json_array_get(right, i % json_array_size(right)), "rejected",
                                            json_array_get(wrong, i)),
                                  error);
cleanup:
    json_decref(right);
    json_decref(wrong);
    return status;
}

ltm_status sample_pairs_write(const char *path, const char *samples, const struct task *task, struct ltm_error *error) {
    return sample_lines_write(path, samples, write_pairs, task, error);
}
