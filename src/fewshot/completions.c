#include "fewshot/completions.h"

#include "fewshot/sample_lines.h"

static ltm_status write_texts(const void *user, struct file_draft *draft, int64_t item, const json_t *line,
                              struct ltm_error *error) {
    const json_t *texts = json_array_get(json_object_get(line, "resps"), 0);
    json_t *id = json_object_get(json_object_get(line, "doc"), "task_id");
    ltm_status status = LTM_OK;
    (void)user, (void)item;
    for (size_t i = 0; status == LTM_OK && i < json_array_size(texts); i++)
        status = sample_lines_put(draft, json_pack("{s:O, s:O}", "task_id", id, "completion", json_array_get(texts, i)),
                                  error);
    return status;
}

ltm_status completions_write(const char *path, const char *samples, struct ltm_error *error) {
    return sample_lines_write(path, samples, write_texts, NULL, error);
}
