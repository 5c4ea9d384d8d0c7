#include "text/record_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"

void record_text_begin(struct record_text *record) {
    record->text = NULL;
    record->bytes = 0;
    record->line = 0;
    record->columns = 0;
}

void record_text_free(struct record_text *record) {
    json_decref(record->json);
    free(record->row);
    *record = (struct record_text){0};
}

ltm_status record_text_json(struct record_text *record, const char *line, size_t bytes, const char *field,
                            const char *path, struct ltm_error *error) {
    json_decref(record->json);
    const ltm_status status =
        json_read(&record->json, line, bytes, JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, error);
    if (status != LTM_OK) record->json = NULL;
    if (status == LTM_CORRUPT)
        return fail_within(error, LTM_INVALID, "line %lld of %s is not JSON", (long long)record->line, path);
    if (status != LTM_OK) return status;
    const json_t *text = json_is_object(record->json) ? json_object_get(record->json, field) : NULL;
    if (!json_is_string(text)) {
        const char *what = !json_is_object(record->json) ? "is not a JSON object"
                           : text                        ? "has no string"
                                                         : "has no key";
        return fail(error, LTM_INVALID, "line %lld of %s %s: expected a string under \"%s\"; is that the field?",
                    (long long)record->line, path, what, field);
    }
    record->text = json_string_value(text);
    record->bytes = json_string_length(text);
    return LTM_OK;
}

/* A row ends at its line feed: text after a lone carriage return would be lost. */
static ltm_status check_end(const struct record_text *record, const struct csv_row *row, const char *path,
                            struct ltm_error *error) {
    if (*row->at == 0) return LTM_OK;
    return fail(error, LTM_INVALID,
                "line %lld of %s has a carriage return outside quotes without a line feed; convert "
                "line ends first (tr '\\r' '\\n')",
                (long long)record->line, path);
}

static ltm_status take_names(struct record_text *record, const char *column, const char *path,
                             struct ltm_error *error) {
    struct csv_row names = {.at = record->row, .line = (size_t)record->line, .path = path};
    char listed[256] = "";
    bool found = false;
    record->separator = names.separator = csv_separator(record->row);
    record->columns = 0;
    while (!names.last) {
        const char *name;
        PASS_UP(csv_next_field(&names, &name, error));
        if (!found && strcmp(name, column) == 0) {
            record->column = record->columns;
            found = true;
        }
        const size_t used = strlen(listed);
        snprintf(listed + used, sizeof listed - used, "%s%s", used ? ", " : "", name);
        record->columns++;
    }
    if (found) {
        const ltm_status status = check_end(record, &names, path, error);
        if (status != LTM_OK) record->columns = 0;
        return status;
    }
    record->columns = 0;
    return fail(error, LTM_INVALID, "%s has no column \"%s\"; its first line names %s", path, column, listed);
}

static ltm_status take_row(struct record_text *record, const char *path, struct ltm_error *error) {
    struct csv_row row = {
        .at = record->row, .line = (size_t)record->line, .path = path, .separator = record->separator};
    const char *text = NULL;
    size_t fields = 0;
    while (!row.last) {
        const char *field;
        PASS_UP(csv_next_field(&row, &field, error));
        if (fields++ == record->column) text = field;
    }
    PASS_UP(check_end(record, &row, path, error));
    if (fields != record->columns || !text)
        return fail(error, LTM_INVALID, "line %lld of %s has %zu field%s, but the first line names %zu columns",
                    (long long)record->line, path, fields, fields == 1 ? "" : "s", record->columns);
    record->text = text;
    record->bytes = strlen(text);
    return LTM_OK;
}

ltm_status record_text_row(struct record_text *record, const char *row, size_t bytes, const char *column,
                           const char *path, struct ltm_error *error) {
    bool open;
    if (utf8_valid(row, bytes, &open) != bytes || memchr(row, 0, bytes))
        return fail(error, LTM_INVALID, "line %lld of %s is not UTF-8 text or contains a NUL byte",
                    (long long)record->line, path);
    PASS_UP(GROW_ARRAY(record->row, record->room, bytes + 1, "a row", error));
    memcpy(record->row, row, bytes);
    record->row[bytes] = 0;
    if (record->row[strspn(record->row, "\r\n")] == 0) return LTM_OK;
    return record->columns == 0 ? take_names(record, column, path, error) : take_row(record, path, error);
}

/* As in csv_next_field: a quote opens only at the start of a field. */
size_t record_text_row_end(const struct record_text *record, const char *text, size_t bytes) {
    bool begins = true;
    bool quoted = false;
    for (size_t i = 0; i < bytes; i++) {
        const char c = text[i];
        if (quoted) {
            quoted = c != '"' || (i + 1 < bytes && text[i + 1] == '"' && ++i);
            continue;
        }
        if (c == '\n') return i + 1;
        quoted = begins && c == '"';
        begins = record->columns > 0 ? c == record->separator : strchr(",;\t", c) != NULL;
    }
    return 0;
}
