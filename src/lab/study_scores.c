#include "lab/study_scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/memory_stream.h"
#include "lab/study_columns.h"
#include "ltm/fewshot.h"
#include "ltm/model.h"
#include "ltm/names.h"
#include "ltm/solve.h"
#include "score/evaluate.h"
#include "tasks/task.h"
#include "train/growth.h"

/* ---- What the file says ---- */

static ltm_status take_corpus(struct ltm_study *s, const char *name, const char *value, struct ltm_error *error) {
    struct study_corpus *corpus = NULL;
    for (int c = 0; c < s->corpus_count; c++)
        if (strcmp(s->corpora[c].name, name) == 0) corpus = &s->corpora[c];
    if (!corpus) {
        if (s->corpus_count == STUDY_CORPORA)
            return fail(error, LTM_INVALID, "a study scores at most %d corpora besides its own", STUDY_CORPORA);
        if (!*name || strlen(name) >= STUDY_NAME || strpbrk(name, ",\":/ "))
            return fail(error, LTM_INVALID,
                        "scores.corpus.%.100s is not usable as a column name; use letters and digits", name);
        corpus = &s->corpora[s->corpus_count++];
        snprintf(corpus->name, sizeof corpus->name, "%s", name);
    }
    return study_take_path(corpus->path, "scores.corpus", value, error);
}

static ltm_status take_fewshot(struct ltm_study *s, const char *key, const char *value, struct ltm_error *error) {
    static const char *const keys[] = {"tasks", "shots", "limit", "draws", "samples"};
    struct value_list one = {0};
    char name[STUDY_NAME];
    ltm_status status = LTM_OK;
    snprintf(name, sizeof name, "fewshot.%.50s", key);
    if (strcmp(key, "tasks") == 0) return value_list_parse(&s->tasks, name, value, error);
    if (strcmp(key, "shots") == 0) return value_list_integers(&s->shots, name, value, 0, error);
    int64_t *number = strcmp(key, "limit") == 0     ? &s->limit
                      : strcmp(key, "draws") == 0   ? &s->draws
                      : strcmp(key, "samples") == 0 ? &s->samples
                                                    : NULL;
    if (!number) {
        const char *nearest = ltm_nearest_name(key, keys, sizeof keys / sizeof *keys);
        return fail(error, LTM_INVALID,
                    "[scores] has no key %s%s%s; it has fewshot.tasks, shots, limit, draws, samples", name,
                    nearest ? "; did you mean fewshot." : "", nearest ? nearest : "");
    }
    TRY(value_list_integers(&one, name, value, 0, error));
    *number = strtoll(one.values[0], NULL, 10);
cleanup:
    value_list_free(&one);
    return status;
}

ltm_status study_take_score(struct ltm_study *s, const char *key, const char *value, struct ltm_error *error) {
    struct ltm_config scratch;
    char text[LTM_PATH_MAX + STUDY_NAME + 1];
    char printed[LTM_PATH_MAX];
    ltm_config_defaults(&scratch);
    if (strncmp(key, "corpus.", 7) == 0) return take_corpus(s, key + 7, value, error);
    if (strncmp(key, "fewshot.", 8) == 0) return take_fewshot(s, key + 8, value, error);
    PASS_UP(ltm_config_set(&scratch, key, value, error));
    PASS_UP(ltm_config_get(&scratch, key, printed, sizeof printed, error));
    if (strncmp(key, "eval.", 5) != 0 || strcmp(key, "eval.dump") == 0)
        return fail(error, LTM_INVALID,
                    "%s is not a key of [scores]; use eval.* (except eval.dump), corpus.NAME and fewshot.*", key);
    snprintf(text, sizeof text, "%s=%s", key, printed);
    const size_t length = strlen(key) + 1;
    for (size_t i = 0; i < s->score_settings.count; i++) {
        if (strncmp(s->score_settings.values[i], text, length) != 0) continue;
        char *copy = strdup(text);
        if (!copy) return fail_memory(error, sizeof text, "scores");
        free(s->score_settings.values[i]);
        s->score_settings.values[i] = copy;
        return LTM_OK;
    }
    return value_list_add(&s->score_settings, text, error);
}

static void print_list(FILE *f, const char *key, const struct value_list *list, const char *end) {
    if (list->count) fprintf(f, "fewshot.%s =", key);
    for (size_t i = 0; i < list->count; i++) fprintf(f, " %s", list->values[i]);
    if (list->count) fputs(end, f);
}

static void print_number(FILE *f, const char *key, int64_t number, const char *end) {
    if (number != LTM_AUTO) fprintf(f, "fewshot.%s = %lld%s", key, (long long)number, end);
}

void study_print_scores(FILE *f, const struct ltm_study *s, const char *end) {
    for (size_t i = 0; i < s->score_settings.count; i++) fprintf(f, "%s%s", s->score_settings.values[i], end);
    for (int c = 0; c < s->corpus_count; c++)
        fprintf(f, "corpus.%s = %s%s", s->corpora[c].name, s->corpora[c].path, end);
    print_list(f, "tasks", &s->tasks, end);
    print_list(f, "shots", &s->shots, end);
    print_number(f, "limit", s->limit, end);
    print_number(f, "draws", s->draws, end);
    print_number(f, "samples", s->samples, end);
}

char *study_scores_text(const struct ltm_study *s) {
    struct memory_stream text;
    memory_stream_open(&text);
    if (text.stream) fprintf(text.stream, "keep = %s; ", s->keep_last ? "last" : "best");
    if (text.stream) study_print_scores(text.stream, s, "; ");
    return memory_stream_close(&text);
}

static struct ltm_fewshot_options study_fewshot_options(const struct ltm_study *s) {
    struct ltm_fewshot_options options = ltm_fewshot_defaults();
    options.threads = s->threads;
    if (s->limit != LTM_AUTO) options.limit = s->limit;
    if (s->draws != LTM_AUTO) options.draws = (int)s->draws;
    if (s->samples != LTM_AUTO) options.samples = (int)s->samples;
    return options;
}

ltm_status study_check_tasks(const struct ltm_study *s, struct ltm_error *error) {
    for (size_t t = 0; t < s->tasks.count; t++) {
        struct task *task = NULL;
        ltm_status status = task_load(&task, s->tasks.values[t], error);
        task_free(task);
        if (status != LTM_OK) return status;
    }
    return LTM_OK;
}

/* ---- Taking them ---- */

static void put_score(json_t *columns, const char *prefix, const char *name, struct ltm_score score) {
    char key[2 * STUDY_NAME];
    if (!isfinite(score.mean)) return;
    snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? ":" : "", name);
    json_object_set_new(columns, key, json_real(score.mean));
    snprintf(key, sizeof key, "%s%s%s_stderr", prefix, *prefix ? ":" : "", name);
    json_object_set_new(columns, key, isfinite(score.error) ? json_real(score.error) : json_null());
}

static ltm_status score(json_t *columns, const char *prefix, const struct study_cell *cell,
                        const struct ltm_model *model, const char *corpus, const struct ltm_config *config,
                        const struct ltm_watch *watch, struct ltm_error *error) {
    struct ltm_eval_result r;
    char name[STUDY_NAME + 16];
    char sequences[LTM_PATH_MAX];
    snprintf(name, sizeof name, "scores%s%s.csv", *prefix ? "-" : "", prefix); /* where paired_add looks */
    PASS_UP(study_cell_path(sequences, cell, name, error));
    PASS_UP(evaluate(model, corpus, config, sequences, watch, &r, error));
    for (int i = 0; i < STUDY_SCORES; i++) {
        struct ltm_score one;
        memcpy(&one, (const char *)&r + study_score_columns[i].offset, sizeof one);
        put_score(columns, prefix, study_score_columns[i].name, one);
    }
    return LTM_OK;
}

/* "TASK:METRIC", with the filter and the number of shots if there are several. */
static void put_metrics(json_t *columns, const struct ltm_study *s, const struct ltm_fewshot_result *r) {
    for (int i = 0; i < r->count; i++) {
        const struct ltm_fewshot_metric *m = &r->metrics[i];
        char prefix[96] = "";
        char name[96];
        if (s->shots.count > 1)
            snprintf(prefix, sizeof prefix, "%s_%dshot", r->task, r->shots);
        else
            snprintf(prefix, sizeof prefix, "%s", r->task);
        snprintf(name, sizeof name, "%s%s%s", m->name, strcmp(m->filter, "none") == 0 ? "" : ":",
                 strcmp(m->filter, "none") == 0 ? "" : m->filter);
        put_score(columns, prefix, name, (struct ltm_score){m->value, m->error});
    }
}

/* The results of a task stay in the cell's folder, so that an interrupted one resumes. */
static ltm_status take_tasks(json_t *columns, const struct ltm_study *s, const struct study_cell *cell,
                             const struct ltm_model *model, const struct ltm_config *config,
                             const struct ltm_watch *watch, struct ltm_error *error) {
    struct ltm_fewshot_options options = study_fewshot_options(s);
    char output[LTM_PATH_MAX];
    char *settings = NULL;
    char sum[17];
    if (s->tasks.count == 0) return LTM_OK;
    /* Other scores go into another folder: the items of a folder belong to their settings. */
    settings = study_scores_text(s);
    if (!settings) return fail_memory(error, 1024, "scores");
    checksum_hex(sum, settings, strlen(settings));
    free(settings);
    char name[32];
    snprintf(name, sizeof name, "fewshot-%s", sum);
    PASS_UP(study_cell_path(output, cell, name, error));
    PASS_UP(folder_create(output, error));
    options.output = output;
    options.loops = config->eval.loops;
    options.exit = config->eval.exit;
    for (size_t t = 0; t < s->tasks.count; t++) {
        for (size_t n = 0; n < s->shots.count || n == 0; n++) {
            struct ltm_fewshot_result r;
            options.shots = s->shots.count ? atoi(s->shots.values[n]) : 0;
            PASS_UP(ltm_fewshot(model, s->tasks.values[t], &options, watch, &r, error));
            put_metrics(columns, s, &r);
            ltm_fewshot_result_free(&r);
        }
    }
    return LTM_OK;
}

/* As in `ltm eval`: the cell's training settings and the keys of [scores]. */
static ltm_status score_config(struct ltm_config *config, const struct ltm_study *s, const struct ltm_model *model,
                               struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *config = *ltm_model_config(model);
    config->run.threads = s->threads;
    for (size_t i = 0; i < s->score_settings.count && status == LTM_OK; i++)
        status = ltm_config_override(config, s->score_settings.values[i], error);
    if (status == LTM_OK) status = ltm_config_check(config, error);
    if (status == LTM_OK) ltm_config_resolve(config);
    return status;
}

static ltm_status take_text_scores(json_t *result, const struct ltm_study *s, const struct study_cell *cell,
                                   const char *checkpoint, const struct ltm_watch *watch, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct ltm_config config;
    struct ltm_model *model = NULL;
    json_t *columns = json_object_get(result, "columns");
    TRY(ltm_model_open(&model, checkpoint, error));
    TRY(score_config(&config, s, model, error));
    TRY(score(columns, "", cell, model, cell->config.data.corpus, &config, watch, error));
    for (int c = 0; c < s->corpus_count; c++)
        TRY(score(columns, s->corpora[c].name, cell, model, s->corpora[c].path, &config, watch, error));
    TRY(take_tasks(columns, s, cell, model, &config, watch, error));
    json_object_set_new(result, "step", json_integer(ltm_model_step(model)));
cleanup:
    ltm_model_close(model);
    return status;
}

/* ---- Of a solver ---- */

static void put_solved(json_t *columns, const char *prefix, const char *name, const json_t *mean, const char *key) {
    char error[32];
    snprintf(error, sizeof error, "%s_error", key);
    const json_t *found = json_object_get(mean, error);
    put_score(
        columns, prefix, name,
        (struct ltm_score){json_number_value(json_object_get(mean, key)), found ? json_number_value(found) : NAN});
}

/* Puzzles and cells that are right behind all steps, puzzles where the halting head says so, and the steps till then. */
static ltm_status score_puzzles(json_t *result, const char *prefix, const char *checkpoint, const char *puzzles,
                                const struct ltm_config *config, struct ltm_error *error) {
    json_t *columns = json_object_get(result, "columns");
    char *text = NULL;
    json_t *scores = NULL;
    ltm_status status = ltm_solve(checkpoint, puzzles, config->eval.sequences, config->eval.restarts,
                                  config->run.threads, &text, error);
    if (status == LTM_OK) status = json_read(&scores, text, strlen(text), 0, error);
    if (status == LTM_OK) {
        const json_t *full = json_object_get(scores, "full");
        const json_t *halted = json_object_get(scores, "halted");
        put_solved(columns, prefix, "exact", full, "exact");
        put_solved(columns, prefix, "cells", full, "cells");
        put_solved(columns, prefix, "halted", halted, "exact");
        put_solved(columns, prefix, "halted_steps", halted, "steps");
        json_object_set(result, "step", json_object_get(scores, "step"));
    }
    json_decref(scores);
    free(text);
    return status;
}

static ltm_status take_solver_scores(json_t *result, const struct ltm_study *s, const struct study_cell *cell,
                                     const char *checkpoint, struct ltm_error *error) {
    char test[LTM_PATH_MAX];
    struct ltm_config config = cell->config;
    config.run.threads = s->threads;
    if (s->tasks.count)
        return fail(error, LTM_INVALID, "a solver of puzzles reads no text: leave fewshot.tasks out of [scores]");
    for (size_t i = 0; i < s->score_settings.count; i++)
        PASS_UP(ltm_config_override(&config, s->score_settings.values[i], error));
    PASS_UP(path_join(test, sizeof test, config.data.corpus, "test.jsonl", error));
    PASS_UP(score_puzzles(result, "", checkpoint, test, &config, error));
    for (int c = 0; c < s->corpus_count; c++)
        PASS_UP(score_puzzles(result, s->corpora[c].name, checkpoint, s->corpora[c].path, &config, error));
    return LTM_OK;
}

ltm_status study_take_scores(json_t *result, const struct ltm_study *s, const struct study_cell *cell,
                             const struct ltm_watch *watch, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    const double began = seconds_now();
    json_object_set_new(result, "columns", json_object());
    TRY(study_cell_path(path, cell, s->keep_last ? "checkpoints/last" : "checkpoints/best", error));
    if (cell->config.model.kind == LTM_MODEL_SOLVER)
        TRY(take_solver_scores(result, s, cell, path, error));
    else
        TRY(take_text_scores(result, s, cell, path, watch, error));
    const int64_t step = json_integer_value(json_object_get(result, "step"));
    json_object_set_new(result, "scored_tokens", json_integer(growth_tokens(&cell->config, step)));
    json_object_set_new(result, "scoring_seconds", json_real(seconds_now() - began));
cleanup:
    return status;
}
