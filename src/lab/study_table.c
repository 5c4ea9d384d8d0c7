#include "lab/study_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "lab/format_numbers.h"
#include "lab/study_columns.h"
#include "lab/study_variants.h"
#include "ltm/names.h"

bool study_is_axis(const char *column) { return strchr(column, '.') && !strchr(column, ':'); }

static bool is_setting(const char *column) {
    for (int c = 0; c < STUDY_COLUMNS; c++)
        if (strcmp(study_columns[c].name, column) == 0) return study_columns[c].setting;
    return study_is_axis(column);
}

static bool same_rows(const struct csv *csv, size_t a, size_t b, bool (*look)(const char *column)) {
    for (size_t c = 0; c < csv->columns; c++)
        if (look(csv_name(csv, c)) && strcmp(csv_text(csv, a, c), csv_text(csv, b, c)) != 0) return false;
    return true;
}

bool study_same(const struct study_table *table, size_t a, size_t b, bool (*look)(const char *column)) {
    return same_rows(&table->csv, table->group[a].row, table->group[b].row, look);
}

static double number_of(const struct csv *csv, size_t row, int column) {
    return csv_number(csv, row, csv_column(csv, study_columns[column].name));
}

/* A column's number, or the configuration's for the key. */
static double setting(const struct csv *csv, size_t row, const char *key, const struct ltm_config *base) {
    char value[64];
    double number = csv_number(csv, row, csv_column(csv, key));
    if (isnan(number) && csv_column(csv, key) < 0 && base &&
        ltm_config_get(base, key, value, sizeof value, NULL) == LTM_OK)
        number = atof(value);
    return number;
}

static int find_corpus(struct study_table *t, size_t row) {
    const int column = csv_column(&t->csv, "data.corpus");
    const char *corpus = column < 0 ? "" : csv_text(&t->csv, row, (size_t)column);
    for (int i = 0; i < t->corpora; i++)
        if (strcmp(t->corpus[i], corpus) == 0) return i;
    if (t->corpora == TABLE_CORPORA) return -1;
    t->corpus[t->corpora] = corpus;
    return t->corpora++;
}

static int find_budget(struct study_table *t, size_t row) {
    char text[64];
    char number[FORMAT_NUMBER];
    const double tokens = number_of(&t->csv, row, COLUMN_BUDGET_TOKENS);
    const double flops = number_of(&t->csv, row, COLUMN_BUDGET_FLOPS);
    if (flops > 0)
        snprintf(text, sizeof text, "%s FLOPs", format_quantity(number, flops));
    else
        snprintf(text, sizeof text, "%s tokens",
                 format_quantity(number, tokens > 0 ? tokens : number_of(&t->csv, row, COLUMN_TOKENS)));
    for (int b = 0; b < t->budgets; b++)
        if (strcmp(t->budget[b], text) == 0) return b;
    if (t->budgets == TABLE_BUDGETS) return -1;
    snprintf(t->budget[t->budgets], sizeof t->budget[0], "%s", text);
    return t->budgets++;
}

static void take_group(struct study_table *t, size_t row, const struct ltm_config *base) {
    struct study_group *g = &t->group[t->groups++];
    const struct csv *csv = &t->csv;
    *g = (struct study_group){.row = row,
                              .dim = setting(csv, row, "model.dim", base),
                              .latents = setting(csv, row, "latent.count", base),
                              .steps = setting(csv, row, "fast.steps", base),
                              .loops = setting(csv, row, "model.loops", base),
                              .parameters = number_of(csv, row, COLUMN_PARAMETERS),
                              .recurrent = number_of(csv, row, COLUMN_PARAMETERS_RECURRENT),
                              .latent_numbers = number_of(csv, row, COLUMN_LATENT_NUMBERS),
                              .tokens = number_of(csv, row, COLUMN_TOKENS),
                              .flops = number_of(csv, row, COLUMN_TRAINING_FLOPS),
                              .token_flops = number_of(csv, row, COLUMN_TOKEN_FLOPS),
                              .budget = find_budget(t, row),
                              .corpus = find_corpus(t, row)};
    g->full = setting(csv, row, "model.window", base) >= setting(csv, row, "model.sequence", base);
    if (isnan(g->latents) && g->latent_numbers == 0) g->latents = 0;
    if (isnan(g->latents) && g->dim > 0) g->latents = g->latent_numbers / g->dim;
    if (isnan(g->token_flops)) g->token_flops = g->flops / g->tokens;
    if (g->latents == 0) g->steps = NAN;
}

/* A name from a table may be anything: only one that ltm sweep could have given becomes part of a path. */
static bool is_cell_name(const char *name) {
    if (*name == '.' || !*name || strlen(name) > 200) return false;
    for (; *name; name++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+=,", *name)) return false;
    return true;
}

bool study_cell_folder(char path[LTM_PATH_MAX], const char *folder, const struct study_table *t, size_t row) {
    const char *name = csv_text(&t->csv, row, (size_t)csv_column(&t->csv, study_columns[COLUMN_CELL].name));
    return is_cell_name(name) && snprintf(path, LTM_PATH_MAX, "%s/cells/%s", folder, name) < LTM_PATH_MAX;
}

bool study_has_variants(const struct study_table *table) { return csv_column(&table->csv, VARIANT_KEY) >= 0; }

/* What a row's keys without a column are: the base's, or, of a variant, those of its own run. NULL where no file tells. */
static ltm_status find_base(const struct ltm_config **of, struct ltm_config *own, const struct ltm_config *base,
                            const char *folder, const struct study_table *t, size_t row, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    *of = base;
    if (!study_has_variants(t)) return LTM_OK;
    *of = NULL;
    if (!study_cell_folder(path, folder, t, row) || strlen(path) + strlen("/config.ini") >= sizeof path) return LTM_OK;
    strcat(path, "/config.ini");
    ltm_config_defaults(own);
    const ltm_status loaded = file_exists(path) ? ltm_config_load(own, path, error) : LTM_INVALID;
    if (loaded == LTM_IO || loaded == LTM_MEMORY) return loaded;
    if (loaded == LTM_OK) *of = own;
    return LTM_OK;
}

ltm_status study_table_read(struct study_table *table, const char *folder, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    struct ltm_config base;
    struct ltm_config own;
    ltm_status status;
    *table = (struct study_table){0};
    TRY(path_join(path, sizeof path, folder, "results.csv", error));
    TRY(csv_read(&table->csv, path, error));
    if (table->csv.rows > STUDY_CELLS)
        TRY(fail(error, LTM_INVALID, "%s has %zu rows, but a study has at most %d cells", path, table->csv.rows,
                 STUDY_CELLS));
    const int state = csv_column(&table->csv, study_columns[COLUMN_STATUS].name);
    if (csv_column(&table->csv, study_columns[COLUMN_CELL].name) < 0)
        TRY(fail(error, LTM_INVALID, "%s is not a table of ltm sweep: it has no column \"cell\"", path));
    TRY(NEW_ARRAY(table->group_of, table->csv.rows, "a study's cells", error));
    TRY(NEW_ARRAY(table->group, table->csv.rows, "a study's cells", error));
    TRY(path_join(path, sizeof path, folder, "base.ini", error));
    ltm_config_defaults(&base);
    const ltm_status loaded = file_exists(path) ? ltm_config_load(&base, path, error) : LTM_INVALID;
    if (loaded == LTM_IO || loaded == LTM_MEMORY) TRY(loaded);
    const bool based = loaded == LTM_OK;
    for (size_t r = 0; r < table->csv.rows; r++) {
        table->group_of[r] = -1;
        if (state >= 0 && strcmp(csv_text(&table->csv, r, (size_t)state), "done") != 0) continue;
        table->done++;
        size_t g = 0;
        while (g < table->groups && !same_rows(&table->csv, table->group[g].row, r, is_setting)) g++;
        if (g == table->groups) {
            const struct ltm_config *of;
            TRY(find_base(&of, &own, based ? &base : NULL, folder, table, r, error));
            take_group(table, r, of);
        }
        table->group_of[r] = (int)g;
    }
    return LTM_OK;
cleanup:
    study_table_free(table);
    return status;
}

void study_table_free(struct study_table *table) {
    csv_free(&table->csv);
    free(table->group_of);
    free(table->group);
    *table = (struct study_table){0};
}

bool study_table_has(const struct study_table *table, const char *name) {
    const int column = csv_column(&table->csv, name);
    for (size_t r = 0; r < table->csv.rows && column >= 0; r++)
        if (table->group_of[r] >= 0 && !isnan(csv_number(&table->csv, r, column))) return true;
    return false;
}

/* Losses and the like fall, accuracies rise. */
static bool lower_is_better(const char *name) {
    static const char *const falling[] = {"bits", "loss", "nll", "byte_perplexity", "word_perplexity", "perplexity"};
    const char *colon = strrchr(name, ':');
    const char *metric = colon ? colon + 1 : name;
    for (size_t i = 0; i < sizeof falling / sizeof falling[0]; i++)
        if (strncmp(metric, falling[i], strlen(falling[i])) == 0) return true;
    for (int i = 0; i < STUDY_SCORES; i++)
        if (strncmp(metric, study_score_columns[i].name, strlen(study_score_columns[i].name)) == 0) return true;
    return false;
}

void study_score_label(char label[240], const struct study_score *score) {
    const char *colon = strrchr(score->name, ':');
    const char *unit = "";
    for (int i = 0; i < STUDY_SCORES; i++)
        if (strcmp(colon ? colon + 1 : score->name, study_score_columns[i].name) == 0)
            unit = strcmp(study_score_columns[i].name, "bits_per_byte") == 0 ? "" : ", nats a token";
    snprintf(label, 240, "%.200s%s", score->name, unit);
}

static ltm_status no_column(const struct study_table *table, const char *name, struct ltm_error *error) {
    const char *nearest = ltm_nearest_name(name, table->csv.field, table->csv.columns);
    if (nearest)
        return fail(error, LTM_INVALID, "the study has no column \"%.100s\"; did you mean \"%.100s\"?", name, nearest);
    return fail(error, LTM_INVALID,
                "the study has no column \"%.100s\"; the first line of results.csv lists its columns", name);
}

static struct study_value value_of(const struct study_table *t, int group, int column, int errors) {
    double sum = 0;
    double squares = 0;
    double error_squares = 0;
    int n = 0;
    int with_error = 0;
    for (size_t r = 0; r < t->csv.rows; r++) {
        const double value = csv_number(&t->csv, r, column);
        const double e = csv_number(&t->csv, r, errors);
        if (t->group_of[r] != group || isnan(value)) continue;
        sum += value;
        squares += value * value;
        n++;
        if (isnan(e)) continue;
        error_squares += e * e;
        with_error++;
    }
    if (n == 0) return (struct study_value){.mean = NAN, .error = NAN};
    const double mean = sum / n;
    const double spread = n > 1 ? fmax(0, squares - n * mean * mean) / (n - 1) / n : 0;
    const double error = sqrt((with_error ? error_squares / with_error : 0) + spread);
    return (struct study_value){mean, with_error || n > 1 ? error : NAN, spread, n};
}

ltm_status study_score_take(struct study_score *score, const struct study_table *table, const char *name,
                            struct ltm_error *error) {
    char stderr_name[256];
    const int column = csv_column(&table->csv, name);
    *score = (struct study_score){.name = name, .lower = lower_is_better(name)};
    if (column < 0) return no_column(table, name, error);
    snprintf(stderr_name, sizeof stderr_name, "%s_stderr", name);
    const int errors = csv_column(&table->csv, stderr_name);
    ltm_status status = NEW_ARRAY(score->value, table->groups, "a study's scores", error);
    for (size_t g = 0; status == LTM_OK && g < table->groups; g++)
        score->value[g] = value_of(table, (int)g, column, errors);
    return status;
}

void study_score_free(struct study_score *score) {
    free(score->value);
    score->value = NULL;
}
