#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "ltm/samples.h"
#include "text/json_lines.h"

enum { PROMPTS_BYTES_MOST = 256 << 20, PROMPT_MOST = 1 << 20 };

struct reading {
    struct ltm_prompts *prompts;
    const char *field;
};

static ltm_status add(struct ltm_prompts *prompts, const char *text, size_t bytes, struct ltm_error *error) {
    if (bytes > PROMPT_MOST) return fail(error, LTM_INVALID, "a prompt of %zu bytes exceeds the limit of 1 MiB", bytes);
    PASS_UP(GROW_ARRAY(prompts->texts, prompts->room, (size_t)prompts->count + 1, "prompts", error));
    char *copy = malloc(bytes + 1);
    if (!copy) return fail_memory(error, bytes + 1, "a prompt");
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    prompts->texts[prompts->count++] = copy;
    return LTM_OK;
}

static ltm_status on_object(void *user, json_t *object, int64_t line, struct ltm_error *error) {
    const struct reading *reading = user;
    const json_t *text = json_object_get(object, reading->field);
    (void)line;
    if (!json_is_string(text))
        return fail(error, LTM_INVALID, "there is no string \"%s\"; name the field that contains the prompt",
                    reading->field);
    return add(reading->prompts, json_string_value(text), json_string_length(text), error);
}

/* The lines of a text file; a carriage return before a newline is part of it. */
static ltm_status read_lines(struct ltm_prompts *prompts, const char *path, struct ltm_error *error) {
    char *text = NULL;
    size_t bytes = 0;
    int64_t number = 0;
    ltm_status status = file_read_text(&text, &bytes, path, PROMPTS_BYTES_MOST, error);
    if (status != LTM_OK) return status;
    const char *line = text;
    const char *end = text + bytes;
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) line += 3; /* a byte-order mark */
    while (line < end && status == LTM_OK) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *next = newline ? newline + 1 : end;
        size_t length = (size_t)((newline ? newline : end) - line);
        bool open = false;
        number++;
        if (length && line[length - 1] == '\r') length--;
        if (memchr(line, 0, length) || utf8_valid(line, length, &open) < length)
            status = fail(error, LTM_INVALID, "line %lld of %s is not UTF-8 text", (long long)number, path);
        else if (strspn(line, " \t\r\n\v\f") < length && (status = add(prompts, line, length, error)) != LTM_OK)
            fail_within(error, status, "line %lld of %s", (long long)number, path);
        line = next;
    }
    free(text);
    return status;
}

ltm_status ltm_prompts_read(struct ltm_prompts *prompts, const char *path, const char *field, struct ltm_error *error) {
    struct reading reading = {prompts, field ? field : "prompt"};
    *prompts = (struct ltm_prompts){0};
    const bool json = json_lines_named(path);
    if (!json && field)
        return fail(error, LTM_INVALID, "%s is a text file with a prompt on each line; a field is for .jsonl files",
                    path);
    ltm_status status = json ? json_lines_read(path, on_object, &reading, error) : read_lines(prompts, path, error);
    if (status == LTM_OK && prompts->count == 0)
        return fail(error, LTM_INVALID, "%s contains no prompt: all its lines are blank", path);
    return status;
}

ltm_status ltm_output_try(const char *path, struct ltm_error *error) { return file_try(path, error); }

void ltm_prompts_free(struct ltm_prompts *prompts) {
    for (int64_t i = 0; i < prompts->count; i++) free(prompts->texts[i]);
    free(prompts->texts);
    *prompts = (struct ltm_prompts){0};
}
