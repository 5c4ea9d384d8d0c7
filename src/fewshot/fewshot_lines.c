#include "fewshot/fewshot_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory_stream.h"
#include "base/numbers.h"
#include "ltm/printable.h"

/* Only lists and strings, numbers as Python writes them, as in the harness, because libraries that read its files need
 * one type. */
static json_t *as_text(const json_t *value) {
    char number[NUMBER_TEXT];
    if (json_is_array(value)) {
        json_t *all = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(all, as_text(json_array_get(value, i)));
        return all;
    }
    if (json_is_string(value)) return json_string(json_string_value(value));
    if (json_is_boolean(value)) return json_string(json_is_true(value) ? "True" : "False");
    if (!json_is_number(value)) return json_string("None");
    number_print_real(number, json_number_value(value));
    return json_string(number);
}

/* {"gen_args_0": {"arg_0": …, "arg_1": …}, …} */
static json_t *as_arguments(const json_t *arguments) {
    json_t *all = json_object();
    for (size_t i = 0; i < json_array_size(arguments); i++) {
        const json_t *request = json_array_get(arguments, i);
        json_t *one = json_object();
        char name[40];
        for (size_t k = 0; k < json_array_size(request); k++) {
            snprintf(name, sizeof name, "arg_%zu", k);
            json_object_set(one, name, json_array_get(request, k));
        }
        snprintf(name, sizeof name, "gen_args_%zu", i);
        json_object_set_new(all, name, one);
    }
    return all;
}

/* The line of one filter: the fields that all lines share, then its own. */
static json_t *line_of(const struct item_outcome *outcome, const struct item_record *record, const char *filter,
                       json_t *taken) {
    json_t *line = json_copy(record->shared);
    json_t *names = json_array();
    json_object_set_new(line, "arguments", as_arguments(json_object_get(line, "arguments")));
    json_object_set_new(line, "resps", as_text(json_object_get(line, "resps")));
    json_object_set_new(line, "filtered_resps", as_text(taken));
    json_object_set_new(line, "filter", json_string(filter));
    json_object_set_new(line, "filters", json_integer((json_int_t)json_object_size(record->filtered)));
    json_object_set(line, "metrics", names);
    bool whole = line && names;
    for (int m = 0; whole && m < outcome->count; m++) {
        const struct item_metric *metric = &outcome->metrics[m];
        if (strcmp(metric->filter, filter) != 0) continue;
        whole = json_array_append_new(names, json_string(metric->name)) == 0 &&
                json_object_set_new(line, metric->name, json_real(metric->value)) == 0;
    }
    json_decref(names);
    if (whole) return line;
    json_decref(line);
    return NULL;
}

ltm_status lines_write(char **lines, const struct item_outcome *outcome, const struct item_record *record,
                       struct ltm_error *error) {
    const char *filter;
    json_t *taken;
    struct memory_stream out;
    memory_stream_open(&out);
    bool whole = out.stream != NULL;
    json_object_foreach(record->filtered, filter, taken) {
        json_t *line = whole ? line_of(outcome, record, filter, taken) : NULL;
        whole = line && json_dumpf(line, out.stream, JSON_COMPACT) == 0 && fputc('\n', out.stream) != EOF;
        json_decref(line);
    }
    *lines = memory_stream_close(&out);
    if (whole && *lines) return LTM_OK;
    free(*lines);
    *lines = NULL;
    return json_fail_memory("an item's lines", error);
}

/* Names appear in tables on a terminal. */
static bool is_plain(const char *name) {
    char shown[METRIC_NAME];
    return strcmp(ltm_printable(shown, sizeof shown, name), name) == 0;
}

static ltm_status take_metrics(struct item_outcome *outcome, const json_t *line, const char *filter,
                               struct ltm_error *error) {
    const json_t *names = json_object_get(line, "metrics");
    const json_t *name;
    size_t i;
    json_array_foreach(names, i, name) {
        const json_t *value = json_object_get(line, json_is_string(name) ? json_string_value(name) : "");
        if (!json_is_number(value)) return fail(error, LTM_CORRUPT, "a metric has no value");
        if (!is_plain(json_string_value(name)) || !is_plain(filter))
            return fail(error, LTM_CORRUPT, "a metric or filter has an unknown name");
        ltm_status status = outcome_add(outcome, json_string_value(name), filter, json_number_value(value), error);
        if (status != LTM_OK) return status;
    }
    return LTM_OK;
}

ltm_status line_read(struct item_outcome *outcomes, int64_t items, const char *line, size_t bytes, int64_t *number,
                     int *filters, struct ltm_error *error) {
    json_t *object;
    ltm_status status = json_read(&object, line, bytes, 0, error);
    if (status == LTM_MEMORY) return status;
    const json_t *doc_id = json_object_get(object, "doc_id");
    const json_t *count = json_object_get(object, "filters");
    const json_t *filter = json_object_get(object, "filter");
    const json_t *cut = json_object_get(object, "cut");
    if (!json_is_integer(doc_id) || !json_is_integer(count) || !json_is_string(filter) || !json_is_boolean(cut) ||
        !json_is_array(json_object_get(object, "metrics")) || json_integer_value(doc_id) < 0 ||
        json_integer_value(doc_id) >= items || json_integer_value(count) < 1 || json_integer_value(count) > 100) {
        status = fail(error, LTM_CORRUPT, "it is not the line of an item of this task");
    } else {
        *number = json_integer_value(doc_id);
        *filters = (int)json_integer_value(count);
        outcomes[*number].cut = json_is_true(cut);
        outcomes[*number].diverged = json_is_true(json_object_get(object, "diverged"));
        outcomes[*number].skipped = json_is_true(json_object_get(object, "skipped"));
        outcomes[*number].unfinished = (int)json_integer_value(json_object_get(object, "unfinished"));
        status = take_metrics(&outcomes[*number], object, json_string_value(filter), error);
    }
    json_decref(object);
    return status;
}
