#include "lab/study_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "lab/study_file.h"
#include "lab/study_scores.h"
#include "lab/study_variants.h"
#include "ltm/printable.h"
#include "math/bf16.h"

enum { RESULT_LARGEST = 1 << 20, FAILURE_MOST = 1024 };

int study_lock(const char *path) {
    const int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    while (lock >= 0 && flock(lock, LOCK_EX) != 0 && errno == EINTR) {
    }
    return lock;
}

/* ---- Identity of the study ---- */

static ltm_status write_study(const struct ltm_study *s, const char *path, struct ltm_error *error) {
    struct file_draft draft;
    PASS_UP(file_create(&draft, path, error));
    study_print(draft.stream, s);
    return file_commit(&draft, error);
}

/* Keys that a study sets itself, or that change no result. The scoring points decide which checkpoint is best: they
 * must not change. */
static bool base_key_is_free(const struct ltm_study *s, const char *key) {
    static const char *const free_keys[] = {
        "run.dir", "run.threads", "run.seed", "run.tokens", "data.corpus", "data.tokenizer", "run.checkpoint_every"};
    for (size_t i = 0; i < sizeof free_keys / sizeof *free_keys; i++)
        if (strcmp(key, free_keys[i]) == 0) return true;
    for (int a = 0; a < s->axis_count; a++)
        for (int k = 0; k < s->axes[a].linked; k++)
            if (strcmp(s->axes[a].keys[k], key) == 0) return true;
    return strncmp(key, "eval.", 5) == 0;
}

static ltm_status same_base(const struct ltm_study *was, const struct ltm_study *is, struct ltm_error *error) {
    size_t count;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        char before[LTM_PATH_MAX];
        char now[LTM_PATH_MAX];
        PASS_UP(ltm_config_get(&was->base, keys[i].name, before, sizeof before, error));
        PASS_UP(ltm_config_get(&is->base, keys[i].name, now, sizeof now, error));
        if (strcmp(before, now) != 0 && !base_key_is_free(is, keys[i].name))
            return fail(error, LTM_MISMATCH,
                        "the study in %.300s began with %s = %.100s in its base, now it is %.100s; "
                        "restore it to resume, or set another study.dir",
                        is->dir, keys[i].name, before, now);
    }
    return LTM_OK;
}

static ltm_status same_axes(const struct ltm_study *was, const struct ltm_study *is, struct ltm_error *error) {
    bool same = was->axis_count == is->axis_count;
    for (int a = 0; a < is->axis_count && same; a++) same = strcmp(was->axes[a].name, is->axes[a].name) == 0;
    if (same) return LTM_OK;
    char before[512] = "none";
    size_t used = 0;
    for (int a = 0; a < was->axis_count && used < sizeof before; a++)
        used += (size_t)snprintf(before + used, sizeof before - used, "%s%s", a ? ", " : "", was->axes[a].name);
    return fail(error, LTM_MISMATCH,
                "the study in %.300s began with other axes (%s); you may add values to these axes; for other "
                "axes, set another study.dir",
                is->dir, before);
}

static bool has_cell(const struct ltm_study *s, const char *name) {
    for (size_t i = 0; i < s->cell_count; i++)
        if (strcmp(s->cells[i].name, name) == 0) return true;
    return false;
}

/* Cells of a sweep that runs read the folder's study.ini: all must stay in it. */
static ltm_status keeps_cells(const struct ltm_study *is, const char *before, struct ltm_error *error) {
    struct ltm_study *was = NULL;
    ltm_status status = ltm_study_open(&was, before, NULL, 0, error);
    for (size_t i = 0; status == LTM_OK && i < was->cell_count; i++)
        if (!has_cell(is, was->cells[i].name))
            status = fail(error, LTM_MISMATCH,
                          "another sweep is running in %.300s with cells that this study lacks (%.200s); wait for it, "
                          "or set another study.dir",
                          is->dir, was->cells[i].name);
    ltm_study_close(was);
    return status;
}

/* Auto becomes the value that the study started with: cells from different machines must be comparable. */
static ltm_status settle(struct ltm_study *s, const char *before, bool busy, struct ltm_error *error) {
    struct ltm_study was = {0};
    ltm_status status = LTM_OK;
    if (file_exists(before)) {
        TRY(study_read(&was, before, NULL, 0, error));
        if (s->base.run.precision == LTM_PRECISION_AUTO) s->base.run.precision = was.base.run.precision;
        TRY(same_axes(&was, s, error));
        TRY(study_same_variants(&was, s, error));
        TRY(same_base(&was, s, error));
        if (busy) TRY(keeps_cells(s, before, error));
    }
    if (s->base.run.precision == LTM_PRECISION_AUTO)
        s->base.run.precision = bf16_missing() ? LTM_PRECISION_FP32 : LTM_PRECISION_BF16;
    for (size_t i = 0; i < s->cell_count; i++) {
        int *precision = &s->cells[i].config.run.precision;
        if (*precision == LTM_PRECISION_AUTO) *precision = s->base.run.precision;
        if (*precision == LTM_PRECISION_BF16 && bf16_missing()) {
            status = fail(error, LTM_UNSUPPORTED,
                          "the study in %.300s computes in bf16, which is not possible here: %s; run it on a "
                          "machine that has it, or set run.precision=fp32 and another study.dir",
                          s->dir, bf16_missing());
            goto cleanup;
        }
    }
cleanup:
    study_clear(&was);
    return status;
}

void study_corpus_sum(char sum[17], const char *corpus) {
    char path[LTM_PATH_MAX];
    sum[0] = 0;
    if (path_join(path, sizeof path, corpus, "corpus.json", NULL) == LTM_OK && file_exists(path) &&
        checksum_file(sum, path, NULL) != LTM_OK)
        sum[0] = 0;
}

/* Cells are comparable only on one corpus; a checkpoint records its own, this is for finished cells. */
static ltm_status same_corpus(const struct ltm_study *s, struct ltm_error *error) {
    char sum[17] = "";
    char of[LTM_PATH_MAX] = "";
    for (size_t i = 0; i < s->cell_count; i++) {
        const struct study_cell *cell = &s->cells[i];
        const char *was = json_string_value(json_object_get(cell->result, "corpus"));
        if (strcmp(of, cell->config.data.corpus) != 0) study_corpus_sum(sum, cell->config.data.corpus);
        snprintf(of, sizeof of, "%s", cell->config.data.corpus);
        if (was && *was && *sum && strcmp(was, sum) != 0)
            return fail(error, LTM_MISMATCH,
                        "the cell %s was trained on a corpus other than the present %.300s; restore that "
                        "corpus to resume, or set another study.dir",
                        cell->name, of);
    }
    return LTM_OK;
}

/* Hold the file that says that a sweep runs; `busy`: another does. Called under the folder's lock. -1 without locks. */
static int hold_sweep(const char *path, bool *busy) {
    const int sweep = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    *busy = sweep >= 0 && flock(sweep, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (sweep >= 0) flock(sweep, LOCK_SH);
    return sweep;
}

ltm_status study_folder_begin(struct ltm_study *s, int *sweep, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    bool busy;
    char path[LTM_PATH_MAX];
    char base[LTM_PATH_MAX];
    static const char *const marks[] = {".lock", "cells", NULL};
    int lock = -1;
    TRY(folder_check_own(s->dir, marks, "the folder of a study", error));
    TRY(path_join(path, sizeof path, s->dir, "cells", error));
    TRY(folder_create(path, error));
    TRY(path_join(path, sizeof path, s->dir, ".lock", error));
    lock = study_lock(path);
    if (lock < 0) TRY(fail(error, LTM_IO, "cannot write in the study's folder %.300s: %s", s->dir, strerror(errno)));
    TRY(path_join(path, sizeof path, s->dir, ".sweep", error));
    *sweep = hold_sweep(path, &busy);
    TRY(path_join(path, sizeof path, s->dir, "study.ini", error));
    TRY(path_join(base, sizeof base, s->dir, STUDY_BASE, error));
    TRY(settle(s, path, busy, error));
    TRY(same_corpus(s, error));
    TRY(study_check_tasks(s, error));
    TRY(ltm_config_write(&s->base, base, error)); /* first: study.ini names it */
    TRY(write_study(s, path, error));
cleanup:
    if (lock >= 0) close(lock);
    return status;
}

/* ---- State of cells ---- */

/* Read result.json, if it is complete and contains the requested scores. */
static ltm_status read_result(struct study_cell *cell, const struct ltm_study *s, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    char *text = NULL;
    char *scores = NULL;
    size_t bytes;
    json_t *result = NULL;
    ltm_status status = study_cell_path(path, cell, "result.json", error);
    if (status != LTM_OK || !file_exists(path)) return status;
    TRY(file_read_text(&text, &bytes, path, RESULT_LARGEST, error));
    scores = study_scores_text(s);
    if (!scores) {
        status = fail_memory(error, bytes, path);
        goto cleanup;
    }
    status = json_read(&result, text, bytes, 0, error);
    if (status == LTM_CORRUPT) status = LTM_OK; /* it is taken again */
    if (status != LTM_OK) goto cleanup;
    const char *taken = json_string_value(json_object_get(result, "scores"));
    if (taken && strcmp(taken, scores) == 0 && json_is_object(json_object_get(result, "columns"))) {
        cell->result = json_incref(result);
        cell->status = LTM_CELL_DONE;
    }
cleanup:
    json_decref(result);
    free(scores);
    free(text);
    return status;
}

ltm_status study_cell_refresh(struct study_cell *cell, const struct ltm_study *s, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    char *text = NULL;
    struct stat info;
    size_t bytes;
    if (cell->status == LTM_CELL_DONE) return LTM_OK;
    ltm_status status = read_result(cell, s, error);
    if (status == LTM_OK) status = study_cell_path(path, cell, "error.txt", error);
    if (status != LTM_OK || cell->status == LTM_CELL_DONE) return status;
    if (stat(path, &info) != 0) return LTM_OK;
    if (info.st_mtim.tv_sec == cell->failed_at.tv_sec && info.st_mtim.tv_nsec == cell->failed_at.tv_nsec) return LTM_OK;
    if (file_read_text(&text, &bytes, path, RESULT_LARGEST, NULL) != LTM_OK) return LTM_OK; /* just taken away */
    text[strcspn(text, "\n")] = 0;
    free(cell->failure);
    cell->failure = malloc(FAILURE_MOST);
    if (cell->failure) ltm_printable(cell->failure, FAILURE_MOST, text);
    free(text);
    if (!cell->failure) return fail_memory(error, FAILURE_MOST, "what a cell failed with");
    cell->status = LTM_CELL_FAILED;
    return LTM_OK;
}

void study_cell_retry(struct study_cell *cell) {
    char path[LTM_PATH_MAX];
    struct stat info;
    if (cell->status != LTM_CELL_FAILED) return;
    if (study_cell_path(path, cell, "error.txt", NULL) == LTM_OK && stat(path, &info) == 0)
        cell->failed_at = info.st_mtim;
    cell->status = LTM_CELL_WAITING;
}
