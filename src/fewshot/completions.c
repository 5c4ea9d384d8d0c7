#include "fewshot/completions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"

/* The lines of one item beyond its first are those of further filters: the same texts. */
static ltm_status write_line(struct file_draft *draft, const json_t *line, json_int_t *last, struct ltm_error *error) {
    const json_int_t number = json_integer_value(json_object_get(line, "doc_id"));
    const json_t *texts = json_array_get(json_object_get(line, "resps"), 0);
    json_t *id = json_object_get(json_object_get(line, "doc"), "task_id");
    ltm_status status = LTM_OK;
    if (number == *last) return LTM_OK;
    *last = number;
    for (size_t i = 0; status == LTM_OK && i < json_array_size(texts); i++) {
        json_t *one = json_pack("{s:O, s:O}", "task_id", id, "completion", json_array_get(texts, i));
        char *text = one ? json_text(one, 0) : NULL;
        status = text ? file_write(draft, text, strlen(text), error) : json_fail_memory("a completion", error);
        if (status == LTM_OK) status = file_write(draft, "\n", 1, error);
        free(text);
        json_decref(one);
    }
    return status;
}

ltm_status completions_write(const char *path, const char *samples, struct ltm_error *error) {
    struct file_map map = {NULL, 0};
    struct file_draft draft;
    json_int_t last = -1;
    ltm_status status = file_map(&map, samples, error);
    if (status != LTM_OK) return status;
    status = file_create(&draft, path, error);
    if (status == LTM_OK) {
        const char *at = (const char *)map.data;
        const char *end = at + map.size;
        for (const char *newline; status == LTM_OK && at < end && (newline = memchr(at, '\n', (size_t)(end - at)));
             at = newline + 1) {
            json_t *line;
            status = json_read(&line, at, (size_t)(newline - at), 0, error);
            if (status == LTM_OK) status = write_line(&draft, line, &last, error);
            json_decref(line);
        }
        if (status == LTM_OK)
            status = file_commit(&draft, error);
        else
            file_discard(&draft);
    }
    file_unmap(&map);
    return status;
}
