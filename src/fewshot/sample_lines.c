#include "fewshot/sample_lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

ltm_status sample_lines_put(struct file_draft *draft, json_t *value, struct ltm_error *error) {
    char *text = value ? json_text(value, 0) : NULL;
    ltm_status status = text ? file_write(draft, text, strlen(text), error) : json_fail_memory("a sample", error);
    if (status == LTM_OK) status = file_write(draft, "\n", 1, error);
    free(text);
    json_decref(value);
    return status;
}

static ltm_status write_lines(struct file_draft *draft, const struct file_map *map, sample_line_fn write,
                              const void *user, struct ltm_error *error) {
    const char *at = (const char *)map->data;
    const char *end = at + map->size;
    int64_t last = -1;
    ltm_status status = LTM_OK;
    for (const char *newline; status == LTM_OK && at < end && (newline = memchr(at, '\n', (size_t)(end - at)));
         at = newline + 1) {
        json_t *line;
        status = json_read(&line, at, (size_t)(newline - at), 0, error);
        const int64_t item = status == LTM_OK ? json_integer_value(json_object_get(line, "doc_id")) : last;
        if (item != last) status = write(user, draft, item, line, error);
        last = item;
        json_decref(line);
    }
    return status;
}

ltm_status sample_lines_write(const char *path, const char *samples, sample_line_fn write, const void *user,
                              struct ltm_error *error) {
    struct file_map map = {NULL, 0};
    struct file_draft draft;
    ltm_status status = file_map(&map, samples, error);
    if (status != LTM_OK) return status;
    status = file_create(&draft, path, error);
    if (status == LTM_OK) {
        status = write_lines(&draft, &map, write, user, error);
        if (status == LTM_OK)
            status = file_commit(&draft, error);
        else
            file_discard(&draft);
    }
    file_unmap(&map);
    return status;
}
