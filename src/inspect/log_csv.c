/* log.jsonl of a run as a table: a column for each key, in the order in which they appear. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/files.h"
#include "base/json.h"
#include "base/memory_stream.h"
#include "ltm/config.h"
#include "ltm/inspect.h"

enum { LINE_MOST = 1 << 20 }; /* bytes; ours are far shorter */

typedef void (*on_line)(void *user, const json_t *line);

/* Lines that are not JSON objects are skipped: one may be incomplete. */
static ltm_status each_line(const struct file_map *map, on_line take, void *user, struct ltm_error *error) {
    const char *text = map->data ? (const char *)map->data : "";
    const char *end = text + map->size;
    for (const char *next; text < end; text = next + 1) {
        json_t *line = NULL;
        ltm_status status = LTM_CORRUPT;
        next = memchr(text, '\n', (size_t)(end - text));
        if (!next) break;
        if (next - text < LINE_MOST) status = json_read(&line, text, (size_t)(next - text), 0, error);
        if (status == LTM_MEMORY) return status;
        if (status == LTM_OK && json_is_object(line)) take(user, line);
        json_decref(line);
    }
    return LTM_OK;
}

struct table {
    json_t *columns; /* their names, as keys */
    FILE *out;
};

static void take_names(void *user, const json_t *line) {
    const struct table *table = user;
    json_object_update_missing(table->columns, (json_t *)line);
}

static void put_value(FILE *out, const json_t *value) {
    if (json_is_string(value))
        csv_put_text(out, json_string_value(value));
    else if (json_is_integer(value))
        fprintf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        csv_put_real(out, json_real_value(value));
    else if (json_is_true(value))
        fputc('1', out);
}

/* The names if line is NULL. */
static void put_row(void *user, const json_t *line) {
    const struct table *table = user;
    const char *name;
    json_t *unused;
    int column = 0;
    json_object_foreach(table->columns, name, unused) {
        if (column++) fputc(',', table->out);
        if (line)
            put_value(table->out, json_object_get(line, name));
        else
            csv_put_text(table->out, name);
    }
    fputc('\n', table->out);
}

ltm_status ltm_log_csv(const char *run, char **csv, struct ltm_error *error) {
    struct table table = {.columns = json_object()};
    struct file_map map = {0};
    struct memory_stream out;
    char path[LTM_PATH_MAX];
    ltm_status status = LTM_OK;
    *csv = NULL;
    if (!table.columns) return json_fail_memory("the table of a log", error);
    TRY(path_join(path, sizeof path, run, "log.jsonl", error));
    TRY(file_map(&map, path, error));
    TRY(each_line(&map, take_names, &table, error));
    TRY(json_memory("the table of a log", error));
    memory_stream_open(&out);
    table.out = out.stream;
    if (out.stream) put_row(&table, NULL);
    if (out.stream) status = each_line(&map, put_row, &table, error);
    *csv = memory_stream_close(&out);
    if (!*csv && status == LTM_OK) status = fail_memory(error, map.size, "the table of a log");
cleanup:
    file_unmap(&map);
    json_decref(table.columns);
    return status;
}
