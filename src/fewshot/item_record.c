#include "fewshot/item_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory_stream.h"
#include "base/sha256.h"
#include "tasks/family.h"

enum { FAMILY_METRICS_MOST = 32 };

void record_free(struct item_record *record) {
    json_decref(record->shared);
    json_decref(record->filtered);
    *record = (struct item_record){0};
}

/* The harness's `target`: the index of the gold choice, a text, or a list of texts in Python's notation. */
static json_t *target_of(const struct task *task, const struct task_item *item) {
    char place[24];
    struct memory_stream out;
    if (task->kind == TASK_LASTWORD) return json_sprintf("%s%s", task->delimiter, item->answer);
    if (item->choices && !item->contexts) {
        snprintf(place, sizeof place, "%d", item->gold);
        return json_string(place);
    }
    if (item->accepted.count == 0) return json_string(item->answer);
    memory_stream_open(&out);
    for (int i = 0; out.stream && i < item->accepted.count; i++) {
        const char *text = item->accepted.all[i];
        const char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
        fprintf(out.stream, "%s%c", i ? ", " : "[", quote);
        for (; *text; text++) fprintf(out.stream, "%s%c", *text == quote || *text == '\\' ? "\\" : "", *text);
        fputc(quote, out.stream);
    }
    if (out.stream) fputc(']', out.stream);
    char *list = memory_stream_close(&out);
    json_t *target = list ? json_string(list) : NULL;
    free(list);
    return target;
}

static json_t *hash_of(const char *text) {
    char hex[65];
    if (!text) return NULL;
    sha256_hex(hex, text, strlen(text));
    return json_string(hex);
}

ltm_status record_make(struct item_record *record, const struct fewshot_run *run, int64_t number, bool cut,
                       json_t *arguments, json_t *responses, struct ltm_error *error) {
    const struct task_item *item = &run->task->items.all[number];
    json_t *target = target_of(run->task, item);
    const char *prompt = json_string_value(json_array_get(json_array_get(arguments, 0), 0));
    char *doc = json_text(item->json, JSON_INDENT(2));
    record->filtered = json_object();
    record->shared =
        json_pack("{s:I, s:O, s:O?, s:o, s:o, s:b, s:o, s:o, s:o}", "doc_id", (json_int_t)number, "doc", item->json,
                  "target", target, "arguments", arguments, "resps", responses, "cut", cut, "doc_hash", hash_of(doc),
                  "prompt_hash", hash_of(prompt ? prompt : ""), "target_hash", hash_of(json_string_value(target)));
    const bool whole = record->shared && record->filtered && target;
    json_decref(target);
    free(doc);
    return whole ? LTM_OK : json_fail_memory("an item's record", error);
}

ltm_status record_filter(struct item_record *record, const char *filter, json_t *taken, struct ltm_error *error) {
    if (json_object_set_new(record->filtered, filter, taken) == 0) return LTM_OK;
    return json_fail_memory("an item's record", error);
}

/* The mean over outputs of each metric, in place in `all`. */
static int average(struct family_metric *all, int *counts, int have, const struct family_metric *more, int count) {
    for (int i = 0; i < count; i++) {
        int at = 0;
        while (at < have && strcmp(all[at].name, more[i].name) != 0) at++;
        if (at == FAMILY_METRICS_MOST) continue;
        if (at == have) {
            all[have] = more[i];
            counts[have++] = 1;
        } else {
            counts[at]++;
            all[at].value += (more[i].value - all[at].value) / counts[at];
        }
    }
    return have;
}

ltm_status measure_family(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                          int64_t number, char *const *outputs, const bool *right, int count, struct ltm_error *error) {
    struct family_metric all[FAMILY_METRICS_MOST];
    struct family_metric one[FAMILY_METRICS_MOST];
    int counts[FAMILY_METRICS_MOST];
    int have = 0;
    ltm_status status = LTM_OK;
    if (!*run->task->family) return LTM_OK;
    for (int i = 0; i < count; i++) {
        const int measured = family_measure(run->task->family, run->task->items.all[number].json, outputs[i], right[i],
                                            one, FAMILY_METRICS_MOST);
        have = average(all, counts, have, one, measured);
    }
    for (int i = 0; i < have; i++) {
        for (char *c = all[i].name; *c; c++) *c = *c == ',' ? ';' : *c; /* results have keys "METRIC,FILTER" */
        TRY(outcome_add(outcome, all[i].name, "none", all[i].value, error));
    }
    if (have == 0 || json_object_get(record->filtered, "none")) return LTM_OK;
    json_t *taken = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(taken, json_string(outputs[i]));
    TRY(record_filter(record, "none", taken, error));
cleanup:
    return status;
}
