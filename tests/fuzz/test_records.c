/* Fuzz target: what runs and studies leave and read again — a few-shot journal, a study's table, a run's log, a cell's log and
 * result, a checkpoint's state; by the first byte. */
#define FUZZ_NAME "records"
#include "fuzz/fuzz.h"

#include <jansson.h>

#include "base/csv.h"
#include "fewshot/fewshot_journal.h"
#include "lab/cell_log.h"
#include "lab/run_curve.h"
#include "lab/study_results.h"
#include "ltm/inspect.h"
#include "ltm/report.h"
#include "train/checkpoint.h"

enum { ITEMS = 8 };

static void read_journal(const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    struct journal journal;
    struct item_outcome outcomes[ITEMS] = {0};
    const struct fuzz_part was = fuzz_part(&data, &size);
    json_t *settings = json_pack("{s:i}", "shots", 0);
    fuzz_put("samples_task.settings.json", was.data, was.size);
    fuzz_put("samples_task.jsonl", data, size);
    if (fuzz_ok(journal_open(&journal, fuzz_folder(), "task", settings, outcomes, ITEMS, &error), &error)) {
        struct ltm_fewshot_metric *metrics = NULL;
        int count;
        if (fuzz_ok(outcomes_average(&metrics, &count, outcomes, ITEMS, &error), &error)) free(metrics);
        FUZZ_CHECK(journal.end <= (int64_t)size);
        fuzz_ok(journal_finish(&journal, &error), &error);
        journal_close(&journal);
    }
    for (int i = 0; i < ITEMS; i++) outcome_free(&outcomes[i]);
    json_decref(settings);
}

/* Whatever a table says, it stays text in the page. */
static void look_at_page(const char *path) {
    struct ltm_error error = {0};
    char *page = NULL;
    size_t bytes;
    FUZZ_CHECK(file_read_text(&page, &bytes, path, 1 << 28, &error) == LTM_OK);
    FUZZ_CHECK(strlen(page) == bytes);
    FUZZ_CHECK(!strstr(page, "<script") && !strstr(page, "<img") && !strstr(page, "<b>"));
    free(page);
}

static void report(const char *folder) {
    struct ltm_error error = {0};
    struct ltm_report_options options;
    static struct ltm_report_result result;
    ltm_report_options_defaults(&options);
    options.fit.resamples = 2;
    options.fit.plain = true;
    if (fuzz_ok(ltm_report(folder, &options, NULL, &result, &error), &error)) look_at_page(result.path);
}

/* Up to three cells, of which no scaling law is fitted: that takes a second, and sees numbers alone. */
static size_t few_lines(const uint8_t *data, size_t size) {
    size_t at = 0;
    for (int line = 0; line < 4 && at < size; line++) {
        const uint8_t *newline = memchr(data + at, '\n', size - at);
        at = newline ? (size_t)(newline - data) + 1 : size;
    }
    return at;
}

static void read_table(const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    struct csv csv;
    FUZZ_CHECK(folder_create(fuzz_path("study"), &error) == LTM_OK);
    const char *path = fuzz_put("study/results.csv", data, size);
    if (fuzz_ok(csv_read(&csv, path, &error), &error)) {
        size_t bytes = 0;
        for (size_t row = 0; row < csv.rows; row++)
            for (size_t column = 0; column < csv.columns; column++) bytes += strlen(csv_text(&csv, row, column));
        FUZZ_CHECK(bytes <= size);
        csv_free(&csv);
    }
    fuzz_put("study/results.csv", data, few_lines(data, size));
    report(fuzz_path("study"));
}

static void read_log(const uint8_t *data, size_t size) {
    static const char ini[] = "[model]\nvocab = 64\n";
    struct ltm_error error = {0};
    struct run_curve curve;
    char *json = NULL;
    FUZZ_CHECK(folder_create(fuzz_path("run"), &error) == LTM_OK);
    fuzz_put("run/config.ini", ini, sizeof ini - 1);
    const char *path = fuzz_put("run/log.jsonl", data, size);
    if (fuzz_ok(run_curve_read(&curve, path, &error), &error)) {
        run_curve_thin(&curve, 16);
        FUZZ_CHECK(curve.steps <= 16);
        run_curve_free(&curve);
    }
    if (fuzz_ok(ltm_inspect(fuzz_path("run"), &json, &error), &error)) free(json);
    report(fuzz_path("run"));
}

/* A study of one cell, whose folder holds a log and a result. */
static void read_cell(const uint8_t *data, size_t size) {
    static const char ini[] = "[study]\nbase = base.ini\ndir = %s\n[budget]\ntokens = 4096\n[axes]\nmodel.dim = 64\n";
    struct ltm_error error = {0};
    struct ltm_study *study = NULL;
    struct ltm_cell cell;
    char text[512];
    snprintf(text, sizeof text, ini, fuzz_path("cells-of"));
    fuzz_put("base.ini", "[model]\nvocab = 64\n", 19);
    const char *path = fuzz_put("study.ini", text, strlen(text));
    FUZZ_CHECK(folder_create(fuzz_path("cells-of/cells/dim64-tokens4096-seed1"), &error) == LTM_OK);
    fuzz_put("cells-of/cells/dim64-tokens4096-seed1/log.jsonl", data, size);
    fuzz_put("cells-of/cells/dim64-tokens4096-seed1/result.json", data, size);
    if (!fuzz_ok(ltm_study_open(&study, path, NULL, 0, &error), &error)) return;
    ltm_study_cell(study, 0, &cell);
    FUZZ_CHECK(strcmp(cell.name, "dim64-tokens4096-seed1") == 0);
    struct cell_log log;
    cell_log_begin(&log, &study->cells[0]);
    cell_log_follow(&log);
    fuzz_ok(study_results_write(study, &error), &error);
    ltm_study_close(study);
}

static void read_state(const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    char *json = NULL;
    FUZZ_CHECK(folder_create(fuzz_path("step"), &error) == LTM_OK);
    fuzz_put("step/state.json", data, size);
    fuzz_put("step/model.safetensors", "", 0);
    fuzz_put("step/optimizer.safetensors", "", 0);
    fuzz_ok(checkpoint_verify(fuzz_path("step"), true, &error), &error);
    if (fuzz_ok(ltm_inspect(fuzz_path("step"), &json, &error), &error)) free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const readers[])(const uint8_t *data, size_t size) = {read_journal, read_table, read_log, read_cell,
                                                                        read_state};
    if (size == 0) return 0;
    setenv("PATH", "", 1); /* no gnuplot */
    readers[data[0] % 5](data + 1, size - 1);
    return 0;
}
