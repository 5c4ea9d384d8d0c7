/* Results in the layout of the harness's results_*.json. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "ltm/fewshot.h"

/* Perplexity and depth should be small. */
static bool higher_is_better(const char *name) {
    return strcmp(name, "perplexity") != 0 && strncmp(name, "depth", 5) != 0;
}

static void add_metrics(const struct ltm_fewshot_result *result, json_t *metrics, json_t *directions) {
    json_object_set_new(metrics, "alias", json_string(result->task));
    for (int i = 0; i < result->count; i++) {
        const struct ltm_fewshot_metric *m = &result->metrics[i];
        char key[128];
        snprintf(key, sizeof key, "%s,%s", m->name, m->filter);
        json_object_set_new(metrics, key, json_real(m->value));
        snprintf(key, sizeof key, "%s_stderr,%s", m->name, m->filter);
        json_object_set_new(metrics, key, isfinite(m->error) ? json_real(m->error) : json_string("N/A"));
        json_object_set_new(directions, m->name, json_boolean(higher_is_better(m->name)));
    }
}

const struct ltm_fewshot_metric *ltm_fewshot_find(const struct ltm_fewshot_result *result,
                                                  const struct ltm_fewshot_metric *like) {
    for (int i = 0; i < result->count; i++)
        if (strcmp(result->metrics[i].name, like->name) == 0 && strcmp(result->metrics[i].filter, like->filter) == 0)
            return &result->metrics[i];
    return NULL;
}

ltm_status ltm_fewshot_average(struct ltm_fewshot_result *mean, const struct ltm_fewshot_result *results, int count,
                               struct ltm_error *error) {
    *mean = (struct ltm_fewshot_result){.shots = results[0].shots, .average_tasks = results[0].average_tasks};
    snprintf(mean->task, sizeof mean->task, "%s", results[0].group);
    ltm_status status = NEW_ARRAY(mean->metrics, (size_t)results[0].count, "metrics", error);
    if (status != LTM_OK) return status;
    for (int i = 0; i < results[0].count; i++) {
        struct ltm_fewshot_metric sum = results[0].metrics[i];
        double weights = 0;
        bool in_all = true;
        sum.value = sum.error = 0, sum.items = 0;
        for (int t = 0; t < count; t++) {
            const struct ltm_fewshot_metric *one = ltm_fewshot_find(&results[t], &sum);
            in_all = in_all && one;
            if (!one) continue;
            const double weight = mean->average_tasks ? 1 : (double)one->items;
            weights += weight;
            sum.value += weight * one->value;
            sum.error += weight * weight * one->error * one->error;
            sum.items += one->items;
        }
        if (!in_all) continue;
        sum.value /= weights;
        sum.error = sqrt(sum.error) / weights;
        mean->metrics[mean->count++] = sum;
    }
    for (int t = 0; t < count; t++) {
        mean->items += results[t].items, mean->items_in_all += results[t].items_in_all;
        mean->cut += results[t].cut, mean->diverged += results[t].diverged;
        mean->repeated += results[t].repeated, mean->skipped += results[t].skipped,
            mean->unfinished += results[t].unfinished;
    }
    return LTM_OK;
}

/* The settings of the task, under the harness's names if it has them. */
static json_t *config_of(const struct ltm_fewshot_result *result, const json_t *settings) {
    const json_t *kind = json_object_get(settings, "task.kind");
    const char *word = kind ? json_string_value(kind) : "";
    const char *type = strcmp(word, "generate") == 0   ? "generate_until"
                       : strcmp(word, "lastword") == 0 ? "loglikelihood"
                                                       : "multiple_choice";
    json_t *config = json_pack("{s:s, s:s, s:i, s:O?, s:O?}", "task", result->task, "output_type", type, "num_fewshot",
                               result->shots, "target_delimiter", json_object_get(settings, "task.delimiter"),
                               "fewshot_delimiter", json_object_get(settings, "task.separator"));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)settings, key, value) {
        if (strncmp(key, "task.", 5) == 0 && !json_object_get(config, key + 5)) json_object_set(config, key + 5, value);
    }
    json_object_set_new(config, "metadata", json_pack("{s:f}", "version", 1.0));
    return config;
}

struct sections {
    json_t *results, *groups, *subtasks, *configs, *versions, *shots, *directions, *samples, *config;
};

static ltm_status add_task(const struct sections *to, const struct ltm_fewshot_result *result,
                           struct ltm_error *error) {
    json_t *settings;
    ltm_status status = json_read(&settings, result->settings, strlen(result->settings), 0, error);
    if (status != LTM_OK) return status;
    json_t *metrics = json_object();
    json_t *directions = json_object();
    json_t *value;
    const char *task = result->task;
    const char *key;
    if (json_object_get(to->results, task)) {
        json_decref(settings), json_decref(metrics), json_decref(directions);
        return fail(error, LTM_INVALID, "two tasks are called %s; give one another name", task);
    }
    add_metrics(result, metrics, directions);
    int bad = json_object_set_new(to->results, task, metrics) | json_object_set_new(to->directions, task, directions) |
              json_object_set_new(to->subtasks, task, json_array()) |
              json_object_set_new(to->configs, task, config_of(result, settings)) |
              json_object_set_new(to->versions, task, json_real(1)) |
              json_object_set_new(to->shots, task, json_integer(result->shots)) |
              json_object_set_new(to->samples, task,
                                  json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "original",
                                            (json_int_t)result->items_in_all, "effective", (json_int_t)result->items,
                                            "cut", (json_int_t)result->cut, "diverged", (json_int_t)result->diverged,
                                            "skipped", (json_int_t)result->skipped, "unfinished",
                                            (json_int_t)result->unfinished, "repeated", (json_int_t)result->repeated));
    json_object_foreach(settings, key, value) {
        if (strncmp(key, "task.", 5) != 0) bad |= json_object_set(to->config, key, value);
    }
    json_decref(settings);
    return bad ? json_fail_memory("results", error) : LTM_OK;
}

/* The average of the tasks that share results[0]'s group. */
static ltm_status add_group(const struct sections *to, const struct ltm_fewshot_result *results, int count,
                            struct ltm_error *error) {
    struct ltm_fewshot_result *members = NULL;
    struct ltm_fewshot_result mean = {.count = 0};
    json_t *names = json_array();
    json_t *metrics = json_object();
    const char *group = results[0].group;
    int n = 0;
    ltm_status status = LTM_OK;
    TRY(NEW_ARRAY(members, (size_t)count, "a group", error));
    for (int i = 0; i < count; i++)
        if (strcmp(results[i].group, group) == 0) {
            members[n++] = results[i];
            json_array_append_new(names, json_string(results[i].task));
        }
    TRY(ltm_fewshot_average(&mean, members, n, error));
    json_t *directions = json_object();
    add_metrics(&mean, metrics, directions);
    if (json_object_set(to->results, group, metrics) | json_object_set(to->groups, group, metrics) |
        json_object_set(to->subtasks, group, names) | json_object_set_new(to->directions, group, directions) |
        json_object_set_new(to->versions, group, json_real(1)) |
        json_object_set_new(to->shots, group, json_integer(mean.shots)))
        status = json_fail_memory("results", error);
cleanup:
    json_decref(names);
    json_decref(metrics);
    free(members);
    ltm_fewshot_result_free(&mean);
    return status;
}

ltm_status ltm_fewshot_json(const struct ltm_fewshot_result *results, int count, char **json, struct ltm_error *error) {
    const struct sections to = {.results = json_object(),
                                .groups = json_object(),
                                .subtasks = json_object(),
                                .configs = json_object(),
                                .versions = json_object(),
                                .shots = json_object(),
                                .directions = json_object(),
                                .samples = json_object(),
                                .config = json_pack("{s:s}", "model", "ltm")};
    ltm_status status = LTM_OK;
    *json = NULL;
    json_t *all = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "results", to.results, "groups", to.groups,
                            "group_subtasks", to.subtasks, "configs", to.configs, "versions", to.versions, "n-shot",
                            to.shots, "higher_is_better", to.directions, "n-samples", to.samples, "config", to.config);
    for (int i = 0; status == LTM_OK && all && i < count; i++) status = add_task(&to, &results[i], error);
    for (int i = 0; status == LTM_OK && all && i < count; i++)
        if (*results[i].group && !json_object_get(to.groups, results[i].group))
            status = add_group(&to, results + i, count - i, error);
    if (status == LTM_OK && all) *json = json_text(all, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    if (status == LTM_OK && !*json) status = json_fail_memory("results", error);
    json_decref(all);
    return status;
}
