#include "ltm/solve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/processes.h"
#include "base/safetensors.h"
#include "math/bf16.h"
#include "math/matmul.h"
#include "model/model_file.h"
#include "solver/solver_score.h"
#include "train/checkpoint.h"

bool ltm_is_solver(const char *checkpoint) {
    char folder[LTM_PATH_MAX];
    char path[LTM_PATH_MAX];
    struct ltm_config config = {0};
    struct ltm_error ignored;
    struct safetensors *file = NULL;
    if (checkpoint_find(folder, sizeof folder, checkpoint, &ignored) != LTM_OK ||
        path_join(path, sizeof path, folder, "model.safetensors", &ignored) != LTM_OK ||
        safetensors_open(&file, path, &ignored) != LTM_OK)
        return false;
    const ltm_status status = model_file_config(&config, file, path, &ignored);
    safetensors_close(file);
    return status == LTM_OK && config.model.kind == LTM_MODEL_SOLVER;
}

static int metadata_number(const struct safetensors *file, const char *key) {
    const char *text = safetensors_metadata(file, key);
    return text ? atoi(text) : 0;
}

/* The puzzles of a file, in the alphabet and of the size that the model was trained on. */
static ltm_status read_puzzles(struct puzzles *puzzles, const char *path, const char *folder,
                               const struct ltm_config *config, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char states[LTM_PATH_MAX];
    struct safetensors *file = NULL;
    TRY(path_join(states, sizeof states, folder, "solver.safetensors", error));
    TRY(safetensors_open(&file, states, error));
    const char *alphabet = safetensors_metadata(file, "alphabet");
    const int rows = metadata_number(file, "rows");
    const int columns = metadata_number(file, "columns");
    if (!alphabet || strlen(alphabet) != (size_t)config->model.vocab || strlen(alphabet) >= PUZZLE_ALPHABET ||
        (int64_t)rows * columns != config->model.sequence)
        TRY(fail(error, LTM_CORRUPT, "%s is damaged: it lacks the alphabet or the size of the model's puzzles",
                 states));
    TRY(puzzles_read(puzzles, path, alphabet, error));
    if (puzzles->rows != rows || puzzles->columns != columns)
        TRY(fail(error, LTM_MISMATCH, "the puzzles of %s are %d by %d, and those that the model solves %d by %d", path,
                 puzzles->rows, puzzles->columns, rows, columns));
cleanup:
    safetensors_close(file);
    return status;
}

/* What is scored with, on the puzzles of `path`. */
static ltm_status open_solver(struct decoder **decoder, struct puzzles *puzzles, struct ltm_config *config,
                              int64_t *step, const char *checkpoint, const char *path, int threads,
                              struct ltm_error *error) {
    char folder[LTM_PATH_MAX];
    char file[LTM_PATH_MAX];
    char digest[20];
    PASS_UP(matmul_start(error));
    PASS_UP(checkpoint_find(folder, sizeof folder, checkpoint, error));
    PASS_UP(checkpoint_verify(folder, false, error));
    PASS_UP(checkpoint_served(file, sizeof file, folder, error));
    PASS_UP(model_file_read(file, decoder, config, step, digest, error));
    if (config->model.kind != LTM_MODEL_SOLVER)
        return fail(error, LTM_UNSUPPORTED, "%s is no solver (model.kind)", checkpoint);
    PASS_UP(read_puzzles(puzzles, path, folder, config, error));
    if (config->run.precision == LTM_PRECISION_BF16 && !bf16_missing()) PASS_UP(decoder_use_bf16(*decoder, error));
    return decoder_pack(*decoder, threads, error);
}

ltm_status ltm_solve(const char *checkpoint, const char *path, int64_t most, int restarts, int threads, char **json,
                     struct ltm_error *error) {
    ltm_status status = LTM_OK;
    int64_t step = 0;
    struct ltm_config config;
    struct decoder *decoder = NULL;
    struct puzzles puzzles = {0};
    struct solver_scores scores = {0};
    *json = NULL;
    if (most < 0) return fail(error, LTM_INVALID, "%lld puzzles cannot be scored; use 0 for all", (long long)most);
    if (restarts < 1) return fail(error, LTM_INVALID, "a puzzle cannot have %d runs; use 1 at least", restarts);
    if (threads == LTM_AUTO) threads = processes_threads();
    TRY(processes_agree(open_solver(&decoder, &puzzles, &config, &step, checkpoint, path, threads, error), error));
    ltm_config_resolve(&config);
    config.eval.restarts = restarts;
    TRY(solver_scores_take(&scores, decoder, &puzzles, &config, most, threads, error));
    json_t *all = solver_scores_json(&scores);
    json_object_set_new(all, "step", json_integer(step));
    *json = json_text(all, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    json_decref(all);
    if (!*json) status = json_fail_memory("the scores of puzzles", error);
cleanup:
    solver_scores_free(&scores);
    puzzles_free(&puzzles);
    decoder_free(decoder);
    return status;
}
