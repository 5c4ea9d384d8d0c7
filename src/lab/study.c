#include "lab/study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/limits.h"
#include "ltm/model.h"
#include "math/bf16.h"
#include "math/matmul.h"
#include "stages/model_shape.h"

int study_jobs(const struct ltm_study *s, const struct ltm_sweep_options *options) {
    const int cores = processors_granted("") / s->threads;
    if (options->jobs > 0) return options->jobs;
    if (s->jobs != LTM_AUTO) return s->jobs;
    return cores > 0 ? cores : 1;
}

/* Dealt back and forth in the order of work: 1 2 3 3 2 1 1 2 3 … */
static bool in_shard(size_t rank, const struct ltm_sweep_options *o) {
    if (o->shards <= 0) return true;
    const size_t n = (size_t)o->shards;
    const size_t place = rank % n;
    return (rank / n % 2 ? n - 1 - place : place) == (size_t)o->shard - 1;
}

bool study_in_shard(const struct study_cell *cell, const struct ltm_sweep_options *options) {
    return in_shard(cell->rank, options);
}

bool ltm_cell_in_shard(const struct ltm_cell *cell, const struct ltm_sweep_options *options) {
    return in_shard(cell->rank, options);
}

double study_cell_work(const struct study_cell *cell) {
    return cell->flops_per_token * (double)cell->tokens + cell->scoring_flops;
}

/* Operations a second of all jobs together, if they were as fast as the finished cells; 0 if there are none. */
static double finished_speed(const struct ltm_study *s, int jobs) {
    double work = 0;
    double seconds = 0;
    for (size_t i = 0; i < s->cell_count; i++) {
        const json_t *result = s->cells[i].result;
        const double took = json_number_value(json_object_get(result, "training_seconds")) +
                            json_number_value(json_object_get(result, "scoring_seconds"));
        if (!result || !(took > 0)) continue;
        work += study_cell_work(&s->cells[i]);
        seconds += took;
    }
    return seconds > 0 ? jobs * work / seconds : 0;
}

static double machine_speed(const struct ltm_study *s, int threads) {
    const bool in_bf16 = s->base.run.precision != LTM_PRECISION_FP32 && !bf16_missing();
    if (matmul_start(NULL) != LTM_OK) return 0;
    return in_bf16 ? bf16_peak(threads, 0.2) : matmul_peak(threads, 0.2);
}

void ltm_study_estimate(const struct ltm_study *s, const struct ltm_sweep_options *options,
                        struct ltm_study_estimate *e) {
    double longest = 0;
    *e = (struct ltm_study_estimate){.jobs = study_jobs(s, options), .threads = s->threads};
    for (size_t i = 0; i < s->cell_count; i++) {
        const struct study_cell *cell = &s->cells[i];
        if (!study_in_shard(cell, options)) continue;
        e->cells++;
        e->done += cell->status == LTM_CELL_DONE;
        if (cell->status == LTM_CELL_DONE) continue;
        e->left++;
        e->training_flops += cell->flops_per_token * (double)cell->tokens;
        e->scoring_flops += cell->scoring_flops;
        longest = fmax(longest, study_cell_work(cell));
    }
    double speed = finished_speed(s, e->jobs);
    e->from_finished = speed > 0;
    if (!e->from_finished && e->left) speed = machine_speed(s, e->jobs * e->threads) / 3;
    /* Not before its largest cell, which one job does alone. */
    const double work = fmax(e->training_flops + e->scoring_flops, longest * e->jobs);
    e->seconds = e->left == 0 ? 0 : speed > 0 ? work / speed : NAN;
}

ltm_status study_take_path(char to[LTM_PATH_MAX], const char *name, const char *value, struct ltm_error *error) {
    if (!*value || strlen(value) >= LTM_PATH_MAX - 300)
        return fail(error, LTM_INVALID, "%s = \"%.60s\" is not a usable path", name, value);
    strcpy(to, value);
    return LTM_OK;
}

ltm_status study_check_axis_key(const struct ltm_study *s, const struct study_axis *axis, const char *key,
                                struct ltm_error *error) {
    static const char *const set_elsewhere[][2] = {{"run.seed", "study.seeds"},
                                                   {"run.tokens", "budget.tokens"},
                                                   {"run.dir", "study.dir"},
                                                   {"run.threads", "study.threads"}};
    struct ltm_config scratch;
    char value[LTM_PATH_MAX];
    ltm_config_defaults(&scratch);
    PASS_UP(ltm_config_get(&scratch, key, value, sizeof value, error)); /* names the nearest key */
    for (size_t i = 0; i < sizeof set_elsewhere / sizeof *set_elsewhere; i++)
        if (strcmp(key, set_elsewhere[i][0]) == 0)
            return fail(error, LTM_INVALID, "%s is not an axis; set it as %s in the study", key, set_elsewhere[i][1]);
    if (strncmp(key, "eval.", 5) == 0)
        return fail(error, LTM_INVALID, "%s is not an axis, because it changes no run; set it in [scores]", key);
    for (int a = 0; a < s->axis_count; a++)
        for (int k = 0; k < s->axes[a].linked; k++)
            if (&s->axes[a] != axis && strcmp(s->axes[a].keys[k], key) == 0)
                return fail(error, LTM_INVALID, "two axes set %s; put all its values into one", key);
    return LTM_OK;
}

void study_clear(struct ltm_study *study) {
    for (int a = 0; a < STUDY_AXES; a++) value_list_free(&study->axes[a].values);
    value_list_free(&study->variants);
    value_list_free(&study->tokens);
    value_list_free(&study->flops);
    value_list_free(&study->seeds);
    value_list_free(&study->corner_seeds);
    value_list_free(&study->score_settings);
    value_list_free(&study->tasks);
    value_list_free(&study->shots);
    for (size_t i = 0; i < study->cell_count; i++) {
        free(study->cells[i].failure);
        json_decref(study->cells[i].result);
    }
    free(study->cells);
    *study = (struct ltm_study){0};
}

ltm_status study_cell_path(char path[LTM_PATH_MAX], const struct study_cell *cell, const char *name,
                           struct ltm_error *error) {
    return path_join(path, LTM_PATH_MAX, cell->config.run.dir, name, error);
}

const char *ltm_study_dir(const struct ltm_study *study) { return study->dir; }

size_t ltm_study_cells(const struct ltm_study *study) { return study->cell_count; }

void ltm_study_cell(const struct ltm_study *study, size_t index, struct ltm_cell *cell) {
    const struct study_cell *from = &study->cells[index];
    const struct ltm_model_config *m = &from->config.model;
    const int64_t parameters = ltm_parameter_count(m);
    *cell = (struct ltm_cell){.name = from->name,
                              .config = from->config,
                              .tokens = from->tokens,
                              .parameters = parameters,
                              .parameters_without_embeddings = parameters - model_vocab_weights(m),
                              .parameters_recurrent = ltm_recurrent_parameter_count(m),
                              .forward_flops = from->forward_flops,
                              .training_flops = from->flops_per_token * (double)from->tokens,
                              .scoring_flops = from->scoring_flops,
                              .rank = from->rank,
                              .status = from->status,
                              .failure = from->failure ? from->failure : ""};
}
