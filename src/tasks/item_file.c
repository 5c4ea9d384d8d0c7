#include "tasks/item_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/files.h"
#include "base/json.h"

enum { FILE_MOST = 1 << 30 };

struct reading {
    json_line_fn on_item;
    void *user;
    const char *path;
};

/* Takes the reference. */
static ltm_status take(const struct reading *r, json_t *object, int64_t number, const char *what,
                       struct ltm_error *error) {
    if (!object) return json_fail_memory("an item", error);
    ltm_status status = json_is_object(object) ? r->on_item(r->user, object, number, error)
                                               : fail(error, LTM_INVALID, "expected a JSON object");
    json_decref(object);
    return status == LTM_OK ? LTM_OK : fail_within(error, status, "%s %lld of %s", what, (long long)number, r->path);
}

static ltm_status read_json(const struct reading *r, struct ltm_error *error) {
    char *text = NULL;
    size_t bytes;
    json_t *whole = NULL;
    ltm_status status = LTM_OK;
    TRY(file_read_text(&text, &bytes, r->path, FILE_MOST, error));
    status = json_read(&whole, text, bytes, 0, error);
    if (status != LTM_OK) {
        status = fail_within(error, status == LTM_CORRUPT ? LTM_INVALID : status, "%s", r->path);
        goto cleanup;
    }
    json_t *data = json_is_object(whole) ? json_object_get(whole, "data") : whole;
    if (!json_is_array(data))
        status =
            fail(error, LTM_INVALID, "%s contains neither a list nor an object with a list under \"data\"", r->path);
    for (size_t i = 0; status == LTM_OK && i < json_array_size(data); i++)
        status = take(r, json_incref(json_array_get(data, i)), (int64_t)i + 1, "item", error);
cleanup:
    json_decref(whole);
    free(text);
    return status;
}

static ltm_status read_table(const struct reading *r, bool header, struct ltm_error *error) {
    struct csv csv;
    ltm_status status = csv_read(&csv, r->path, error);
    for (size_t row = header; status == LTM_OK && row <= csv.rows; row++) {
        json_t *object = json_object();
        for (size_t c = 0; c < csv.columns; c++) {
            char number[24];
            snprintf(number, sizeof number, "%zu", c + 1);
            json_object_set_new(object, header ? csv_name(&csv, c) : number,
                                json_string(csv.field[row * csv.columns + c]));
        }
        status = take(r, object, (int64_t)row + 1, "row", error);
    }
    csv_free(&csv);
    return status;
}

static ltm_status read_text(const struct reading *r, struct ltm_error *error) {
    char *text = NULL;
    size_t bytes;
    int64_t line = 0;
    ltm_status status = file_read_text(&text, &bytes, r->path, FILE_MOST, error);
    for (char *rest = text, *one; status == LTM_OK && rest && (one = strsep(&rest, "\n"));) {
        line++;
        if (strspn(one, " \t\r") == strlen(one)) continue;
        status = take(r, json_pack("{s:s}", "text", one), line, "line", error);
    }
    free(text);
    return status;
}

static bool ends_with(const char *text, const char *end) {
    const size_t have = strlen(text);
    const size_t want = strlen(end);
    return have > want && strcmp(text + have - want, end) == 0;
}

ltm_status item_file_read(const char *path, bool header, json_line_fn on_item, void *user, struct ltm_error *error) {
    const struct reading r = {on_item, user, path};
    if (ends_with(path, ".json")) return read_json(&r, error);
    if (ends_with(path, ".csv") || ends_with(path, ".tsv")) return read_table(&r, header, error);
    if (ends_with(path, ".txt")) return read_text(&r, error);
    if (ends_with(path, ".jsonl") || ends_with(path, ".jsonl.gz")) return json_lines_read(path, on_item, user, error);
    return fail(
        error, LTM_INVALID,
        "%s does not have the name of an item file: it must end in .jsonl, .jsonl.gz, .json, .csv, .tsv or .txt", path);
}
