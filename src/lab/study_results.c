#include "lab/study_results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/numbers.h"
#include "lab/study_folder.h"

/* These columns are there whether or not a cell has them yet; others follow as results bring them. */
static const char *const scores[] = {
    "recon", "kl", "bound", "bits_per_byte", "iwae", "prior", "continuation", "continuation_prior", "fitted_noise"};

/* RFC 4180: quoted where it holds a comma, a quote or a line's end. */
static void put_text(FILE *f, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"') fputc('"', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void put_real(FILE *f, double value) {
    char text[NUMBER_TEXT] = "";
    if (isfinite(value) && value == floor(value) && fabs(value) < 1e15)
        snprintf(text, sizeof text, "%.0f", value);
    else if (isfinite(value))
        number_print_real(text, value);
    fprintf(f, ",%s", text);
}

static void put_json(FILE *f, const json_t *value) {
    if (json_is_integer(value))
        fprintf(f, ",%lld", (long long)json_integer_value(value));
    else
        put_real(f, json_is_real(value) ? json_real_value(value) : NAN);
}

/* The score columns in order: the fixed ones, then what cells brought, each once. */
static ltm_status name_columns(struct value_list *columns, const struct ltm_study *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (size_t i = 0; i < sizeof scores / sizeof *scores && status == LTM_OK; i++) {
        char stderr_name[STUDY_NAME];
        snprintf(stderr_name, sizeof stderr_name, "%s_stderr", scores[i]);
        status = value_list_add(columns, scores[i], error);
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

static void put_heading(FILE *f, const struct ltm_study *s, const struct value_list *columns) {
    fputs("cell,status,seed", f);
    for (int a = 0; a < s->axis_count; a++)
        for (int k = 0; k < s->axes[a].linked; k++) fprintf(f, ",%s", s->axes[a].keys[k]);
    fputs(",budget_tokens,budget_flops,tokens,parameters,parameters_without_embeddings,latent_numbers,forward_flops,"
          "training_flops_per_token,training_flops,step,scored_tokens",
          f);
    for (size_t i = 0; i < columns->count; i++) {
        fputc(',', f);
        put_text(f, columns->values[i]);
    }
    fputc('\n', f);
}

static ltm_status put_axes(FILE *f, const struct ltm_study *s, const struct study_cell *cell, struct ltm_error *error) {
    for (int a = 0; a < s->axis_count; a++) {
        for (int k = 0; k < s->axes[a].linked; k++) {
            const char *key = s->axes[a].keys[k];
            char value[LTM_PATH_MAX];
            ltm_status status = ltm_config_get(&cell->config, key, value, sizeof value, error);
            if (status != LTM_OK) return status;
            fputc(',', f);
            if (cell->config.model.latents > 0 || strncmp(key, "fast.", 5) != 0) put_text(f, value);
        }
    }
    return LTM_OK;
}

static ltm_status put_row(FILE *f, const struct ltm_study *s, size_t index, const struct value_list *columns,
                          struct ltm_error *error) {
    static const char *const states[] = {"waiting", "done", "failed"};
    const struct study_cell *from = &s->cells[index];
    struct ltm_cell cell;
    ltm_study_cell(s, index, &cell);
    put_text(f, cell.name);
    fprintf(f, ",%s,%llu", states[cell.status], (unsigned long long)cell.config.run.seed);
    ltm_status status = put_axes(f, s, from, error);
    put_real(f, from->budget_tokens > 0 ? (double)from->budget_tokens : NAN);
    put_real(f, from->budget_flops > 0 ? from->budget_flops : NAN);
    fprintf(f, ",%lld,%lld,%lld,%lld", (long long)cell.tokens, (long long)cell.parameters,
            (long long)cell.parameters_without_embeddings,
            (long long)cell.config.model.latents * cell.config.model.dim);
    put_real(f, cell.forward_flops);
    put_real(f, from->flops_per_token);
    put_real(f, cell.training_flops);
    put_json(f, json_object_get(from->result, "step"));
    put_json(f, json_object_get(from->result, "scored_tokens"));
    for (size_t i = 0; i < columns->count; i++)
        put_json(f, json_object_get(json_object_get(from->result, "columns"), columns->values[i]));
    fputc('\n', f);
    return status;
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
    struct file_draft draft;
    char path[LTM_PATH_MAX];
    ltm_status status = path_join(path, sizeof path, s->dir, "timings.csv", error);
    if (status == LTM_OK) status = file_create(&draft, path, error);
    if (status != LTM_OK) return status;
    fputs("cell,training_seconds,scoring_seconds,threads,host\n", draft.stream);
    for (size_t i = 0; i < s->cell_count; i++) {
        const json_t *result = s->cells[i].result;
        const char *host = json_string_value(json_object_get(result, "host"));
        if (!result) continue;
        put_text(draft.stream, s->cells[i].name);
        put_json(draft.stream, json_object_get(result, "training_seconds"));
        put_json(draft.stream, json_object_get(result, "scoring_seconds"));
        put_json(draft.stream, json_object_get(result, "threads"));
        fputc(',', draft.stream);
        put_text(draft.stream, host ? host : "");
        fputc('\n', draft.stream);
    }
    return file_commit(&draft, error);
}

ltm_status study_results_write(struct ltm_study *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    int lock = -1;
    TRY(path_join(path, sizeof path, s->dir, ".lock", error));
    /* Or a process that looked before another finished its cell could write after it. */
    lock = study_lock(path);
    for (size_t i = 0; i < s->cell_count; i++) TRY(study_cell_refresh(&s->cells[i], s, error));
    TRY(write_results(s, error));
    TRY(write_timings(s, error));
cleanup:
    if (lock >= 0) close(lock);
    return status;
}
