#include "lab/study_results.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/files.h"
#include "lab/headroom.h"
#include "lab/study_columns.h"
#include "lab/study_folder.h"
#include "lab/study_variants.h"

/* The score columns in order: the fixed ones, then those of the cells, each once. */
static ltm_status name_columns(struct value_list *columns, const struct ltm_study *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (size_t i = 0; i < STUDY_SCORES && status == LTM_OK; i++) {
        char stderr_name[STUDY_NAME];
        snprintf(stderr_name, sizeof stderr_name, "%s_stderr", study_score_columns[i].name);
        status = value_list_add(columns, study_score_columns[i].name, error);
        if (status == LTM_OK) status = value_list_add(columns, stderr_name, error);
    }
    for (size_t i = 0; i < s->cell_count; i++) {
        const char *name;
        json_t *value;
        json_object_foreach(json_object_get(s->cells[i].result, "columns"), name, value) {
            if (status == LTM_OK && !value_list_has(columns, name)) status = value_list_add(columns, name, error);
        }
    }
    return status;
}

static void put_heading(FILE *f, const struct ltm_study *s, const struct value_list *scores) {
    for (int c = 0; c < STUDY_COLUMNS; c++) {
        fprintf(f, "%s%s", c ? "," : "", study_columns[c].name);
        for (int a = 0; c == COLUMN_SEED && a < s->axis_count; a++)
            for (int k = 0; k < s->axes[a].linked; k++) fprintf(f, ",%s", s->axes[a].keys[k]);
    }
    for (size_t i = 0; i < scores->count; i++) {
        fputc(',', f);
        csv_put_text(f, scores->values[i]);
    }
    fputc('\n', f);
}

static ltm_status put_axes(FILE *f, const struct ltm_study *s, const struct study_cell *cell, struct ltm_error *error) {
    for (int a = 0; a < s->axis_count; a++) {
        for (int k = 0; k < s->axes[a].linked; k++) {
            const char *key = s->axes[a].keys[k];
            char value[LTM_PATH_MAX];
            if (study_is_variant(&s->axes[a]))
                snprintf(value, sizeof value, "%s", s->axes[a].values.values[cell->value[a]]);
            else
                PASS_UP(ltm_config_get(&cell->config, key, value, sizeof value, error));
            fputc(',', f);
            if (!study_idle(cell, key)) csv_put_text(f, value);
        }
    }
    return LTM_OK;
}

static ltm_status put_row(FILE *f, const struct ltm_study *s, size_t index, const struct value_list *scores,
                          struct ltm_error *error) {
    struct study_row row = {.from = &s->cells[index]};
    ltm_study_cell(s, index, &row.cell);
    for (int c = 0; c < STUDY_COLUMNS; c++) {
        if (c) fputc(',', f);
        study_columns[c].put(f, &row);
        if (c == COLUMN_SEED) PASS_UP(put_axes(f, s, row.from, error));
    }
    for (size_t i = 0; i < scores->count; i++) {
        fputc(',', f);
        study_put_json(f, json_object_get(json_object_get(row.from->result, "columns"), scores->values[i]));
    }
    fputc('\n', f);
    return LTM_OK;
}

static ltm_status write_results(const struct ltm_study *s, struct ltm_error *error) {
    struct value_list columns = {0};
    struct file_draft draft = {0};
    char path[LTM_PATH_MAX];
    ltm_status status = LTM_OK;
    TRY(path_join(path, sizeof path, s->dir, "results.csv", error));
    TRY(name_columns(&columns, s, error));
    TRY(file_create(&draft, path, error));
    put_heading(draft.stream, s, &columns);
    for (size_t i = 0; i < s->cell_count && status == LTM_OK; i++)
        status = put_row(draft.stream, s, i, &columns, error);
    if (status == LTM_OK)
        status = file_commit(&draft, error);
    else
        file_discard(&draft);
cleanup:
    value_list_free(&columns);
    return status;
}

static ltm_status write_timings(const struct ltm_study *s, struct ltm_error *error) {
    static const char *const timings[] = {"training_seconds", "scoring_seconds", "threads"};
    enum { TIMINGS = sizeof timings / sizeof *timings };
    struct file_draft draft;
    char path[LTM_PATH_MAX];
    PASS_UP(path_join(path, sizeof path, s->dir, "timings.csv", error));
    PASS_UP(file_create(&draft, path, error));
    FILE *f = draft.stream;
    fputs("cell", f);
    for (size_t k = 0; k < TIMINGS; k++) fprintf(f, ",%s", timings[k]);
    fputs(",host\n", f);
    for (size_t i = 0; i < s->cell_count; i++) {
        const json_t *result = s->cells[i].result;
        const char *host = json_string_value(json_object_get(result, "host"));
        if (!result) continue;
        csv_put_text(f, s->cells[i].name);
        for (size_t k = 0; k < TIMINGS; k++) {
            fputc(',', f);
            study_put_json(f, json_object_get(result, timings[k]));
        }
        fputc(',', f);
        csv_put_text(f, host ? host : "");
        fputc('\n', f);
    }
    return file_commit(&draft, error);
}

ltm_status study_results_write(struct ltm_study *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    int lock = -1;
    TRY(path_join(path, sizeof path, s->dir, ".lock", error));
    /* Otherwise a process that looked before another finished its cell could write after it. */
    lock = study_lock(path);
    for (size_t i = 0; i < s->cell_count; i++) TRY(study_cell_refresh(&s->cells[i], s, error));
    headroom_columns(s);
    TRY(write_results(s, error));
    TRY(write_timings(s, error));
cleanup:
    if (lock >= 0) close(lock);
    return status;
}
