/* ltm_study_run_cell: one cell, from where it was interrupted to its result.json. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "lab/run_curve.h"
#include "lab/study_folder.h"
#include "lab/study_scores.h"
#include "ltm/names.h"

static const struct study_cell *find_cell(const struct ltm_study *s, const char *name) {
    for (size_t i = 0; i < s->cell_count; i++)
        if (strcmp(s->cells[i].name, name) == 0) return &s->cells[i];
    return NULL;
}

static ltm_status fail_no_cell(const struct ltm_study *s, const char *name, struct ltm_error *error) {
    const char *nearest = NULL;
    size_t best = strlen(name) / 2 + 1;
    for (size_t i = 0; i < s->cell_count; i++) {
        const size_t distance = ltm_name_distance(name, s->cells[i].name);
        if (distance >= best) continue;
        best = distance;
        nearest = s->cells[i].name;
    }
    return fail(error, LTM_INVALID, "%.300s has no cell %.200s%s%s; --dry-run lists them", s->path, name,
                nearest ? "; did you mean " : "", nearest ? nearest : "");
}

/* The claim belongs to the open file: it ends with this process, however it ends. */
static ltm_status claim_cell(int *claim, const struct study_cell *cell, bool *busy, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    PASS_UP(folder_create(cell->config.run.dir, error));
    PASS_UP(study_cell_path(path, cell, ".claim", error));
    *claim = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*claim < 0) return fail(error, LTM_IO, "cannot write %.900s: %s", path, strerror(errno));
    if (flock(*claim, LOCK_EX | LOCK_NB) == 0) return LTM_OK;
    *busy = errno == EWOULDBLOCK;
    if (*busy) return fail(error, LTM_INVALID, "another process is working on the cell %s", cell->name);
    return fail(error, LTM_IO, "cannot lock %.900s: %s; a study's folder must be on a file system with locks", path,
                strerror(errno));
}

/* ---- The cell ---- */

/* Seconds of training over all resumes, from the log's last line. */
static double trained_seconds(const struct study_cell *cell) {
    struct run_curve curve;
    char path[LTM_PATH_MAX];
    double seconds = NAN;
    if (study_cell_path(path, cell, "log.jsonl", NULL) != LTM_OK || run_curve_read(&curve, path, NULL) != LTM_OK)
        return NAN;
    if (curve.steps) seconds = curve.step[curve.steps - 1].seconds;
    if (curve.scores) seconds = fmax(seconds, curve.score[curve.scores - 1].seconds);
    run_curve_free(&curve);
    return seconds;
}

static ltm_status write_result(json_t *result, const struct ltm_study *s, const struct study_cell *cell,
                               struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    char corpus[17];
    char host[256] = "";
    char *text = NULL;
    char *scores = study_scores_text(s);
    ltm_status status = study_cell_path(path, cell, "result.json", error);
    const double seconds = trained_seconds(cell);
    if (gethostname(host, sizeof host - 1) != 0) host[0] = 0;
    if (isfinite(seconds)) json_object_set_new(result, "training_seconds", json_real(seconds));
    study_corpus_sum(corpus, cell->config.data.corpus);
    json_object_set_new(result, "corpus", json_string(corpus));
    json_object_set_new(result, "threads", json_integer(s->threads));
    json_object_set_new(result, "host", json_string(host));
    json_object_set_new(result, "scores", json_string(scores ? scores : ""));
    text = json_text(result, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    if (status == LTM_OK && (!text || !scores)) status = json_fail_memory(path, error);
    if (status == LTM_OK) status = file_write_text(path, text, error);
    free(scores);
    free(text);
    return status;
}

static ltm_status run_cell(const struct ltm_study *s, const struct study_cell *cell, const struct ltm_cell_hooks *hooks,
                           struct ltm_error *error) {
    json_t *result = json_object();
    ltm_status status = ltm_train(&cell->config, &hooks->train, NULL, error);
    if (status == LTM_OK && hooks->on_scoring) hooks->on_scoring(hooks->train.user);
    if (status == LTM_OK) status = study_take_scores(result, s, cell, &hooks->train.watch, error);
    if (status == LTM_OK) status = write_result(result, s, cell, error);
    json_decref(result);
    return status;
}

ltm_status ltm_study_run_cell(const struct ltm_study *study, const char *name, const struct ltm_cell_hooks *hooks,
                              bool *busy, struct ltm_error *error) {
    static const struct ltm_cell_hooks silent;
    ltm_status status = LTM_OK;
    const struct study_cell *cell = find_cell(study, name);
    struct study_cell now;
    struct ltm_error inner = {0};
    char path[LTM_PATH_MAX];
    int claim = -1;
    bool claimed_elsewhere = false;
    if (!cell) {
        if (busy) *busy = false;
        return fail_no_cell(study, name, error);
    }
    TRY(claim_cell(&claim, cell, &claimed_elsewhere, error));
    TRY(study_cell_path(path, cell, "error.txt", error));
    now = *cell;
    now.status = LTM_CELL_WAITING;
    now.failure = NULL;
    now.result = NULL;
    status = study_cell_refresh(&now, study, &inner); /* another process may just have done it */
    const bool done = now.status == LTM_CELL_DONE;
    free(now.failure);
    json_decref(now.result);
    if (status == LTM_OK && !done) status = run_cell(study, cell, hooks ? hooks : &silent, &inner);
    if (status == LTM_OK)
        (void)unlink(path);
    else if (status != LTM_INTERRUPTED)
        (void)file_write_text(path, inner.message, NULL); /* if even that fails, the exit code reports it */
    if (status != LTM_OK) fail_with(error, &inner);
cleanup:
    if (claim >= 0) close(claim);
    if (busy) *busy = claimed_elsewhere;
    return status;
}
