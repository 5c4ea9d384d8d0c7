#include "solver/solver_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "solver/solver_pass.h"

/* ---- Taking them ---- */

/* A thread's. */
struct solving {
    struct solver_pass *pass;
    float *y, *z; /* (G, T, d) */
    struct solver_answers answers;
};

static ltm_status solving_create(struct solving *s, const struct decoder *decoder, int group, struct ltm_error *error) {
    const size_t G = (size_t)group;
    const size_t T = (size_t)decoder->plan.config.sequence;
    const size_t n = G * T * (size_t)decoder->plan.config.dim;
    static const char what[] = "a solver's states";
    PASS_UP(solver_pass_create(&s->pass, decoder, group, false, error));
    PASS_UP(NEW_ARRAY(s->y, n, what, error));
    PASS_UP(NEW_ARRAY(s->z, n, what, error));
    PASS_UP(NEW_ARRAY(s->answers.nll, G, what, error));
    PASS_UP(NEW_ARRAY(s->answers.halting, G, what, error));
    PASS_UP(NEW_ARRAY(s->answers.halt, G, what, error));
    PASS_UP(NEW_ARRAY(s->answers.right, G, what, error));
    return NEW_ARRAY(s->answers.cells, G * T, what, error);
}

static void solving_free(struct solving *s) {
    solver_pass_free(s->pass);
    free(s->y);
    free(s->z);
    free(s->answers.nll);
    free(s->answers.halting);
    free(s->answers.halt);
    free(s->answers.right);
    free(s->answers.cells);
}

/* Puzzles first … first + count - 1, all steps. */
static void solve(struct solver_scores *scores, const struct solving *s, const float *start, int64_t first, int count,
                  int d) {
    const size_t T = (size_t)scores->cells;
    const size_t at = (size_t)first * T;
    const struct solver_group group = {.count = count,
                                       .givens = scores->puzzles->givens + at,
                                       .targets = scores->puzzles->solutions + at,
                                       .y = s->y,
                                       .z = s->z,
                                       .next_y = s->y,
                                       .next_z = s->z,
                                       .answers = s->answers};
    for (size_t i = 0; i < (size_t)count * T; i++) {
        memcpy(s->y + i * (size_t)d, start, (size_t)d * sizeof *start);
        memcpy(s->z + i * (size_t)d, start + d, (size_t)d * sizeof *start);
    }
    for (int step = 0; step < scores->steps; step++) {
        solver_pass_run(s->pass, &group);
        for (int g = 0; g < count; g++)
            scores->each[(size_t)(first + g) * (size_t)scores->steps + (size_t)step] =
                (struct solver_step_score){s->answers.nll[g], s->answers.halt[g], s->answers.right[g]};
        const int64_t example = scores->example - first;
        if (example >= 0 && example < count)
            memcpy(scores->answers + (size_t)step * T, s->answers.cells + (size_t)example * T,
                   T * sizeof *scores->answers);
    }
}

static int64_t hardest(const struct puzzles *puzzles, int64_t count) {
    int64_t most = 0;
    for (int64_t i = 1; i < count; i++)
        if (puzzles->difficulty[i] > puzzles->difficulty[most]) most = i;
    return most;
}

ltm_status solver_scores_take(struct solver_scores *scores, const struct decoder *decoder,
                              const struct puzzles *puzzles, int64_t most, uint64_t seed, int threads,
                              struct ltm_error *error) {
    const struct ltm_model_config *c = &decoder->plan.config;
    const int64_t count = most && most < puzzles->count ? most : puzzles->count;
    const int cells = puzzle_cells(puzzles);
    const int group = cells < 1000 ? 1000 / cells : 1;
    const int64_t groups = (count + group - 1) / group;
    struct solving *all = NULL;
    float *start = NULL;
    ltm_status status = LTM_OK;
    if (threads > groups) threads = (int)groups;
    *scores = (struct solver_scores){.count = count,
                                     .steps = c->supervision,
                                     .cells = cells,
                                     .puzzles = puzzles,
                                     .example = hardest(puzzles, count)};
    TRY(NEW_ARRAY(scores->each, (size_t)count * (size_t)c->supervision, "scores", error));
    TRY(NEW_ARRAY(scores->answers, (size_t)c->supervision * (size_t)cells, "scores", error));
    TRY(NEW_ARRAY(start, 2 * (size_t)c->dim, "a solver's states", error));
    TRY(NEW_ARRAY(all, (size_t)threads, "a solver's states", error));
    for (int t = 0; t < threads; t++) TRY(solving_create(&all[t], decoder, group, error));
    for (int t = 0; t < threads && count % group; t++)
        TRY(solver_pass_prepare(all[t].pass, (int)(count % group), error));
    solver_start(start, start + c->dim, c->dim, seed);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; t++)
        for (int64_t i = t; i < groups; i += threads)
            solve(scores, &all[t], start, i * group, (int)(i + 1 < groups ? group : count - i * group), c->dim);
cleanup:
    for (int t = 0; all && t < threads; t++) solving_free(&all[t]);
    free(all);
    free(start);
    if (status != LTM_OK) solver_scores_free(scores);
    return status;
}

void solver_scores_free(struct solver_scores *scores) {
    free(scores->each);
    free(scores->answers);
    *scores = (struct solver_scores){0};
}

/* ---- What they say ---- */

/* Where the puzzle halts, from 1. */
static int halts_at(const struct solver_scores *scores, int64_t i) {
    const struct solver_step_score *each = scores->each + (size_t)i * (size_t)scores->steps;
    int step = 1;
    while (step < scores->steps && !(each[step - 1].halt > 0)) step++;
    return step;
}

/* Means over puzzles of a difficulty, or of all where `difficulty` is NULL. *count = their number. */
static struct solver_mean mean_of(const struct solver_scores *scores, int step, const int *difficulty, int64_t *count) {
    struct solver_mean mean = {0};
    double squares = 0; /* of shares of cells */
    int64_t n = 0;
    for (int64_t i = 0; i < scores->count; i++) {
        if (difficulty && scores->puzzles->difficulty[i] != *difficulty) continue;
        const int at = step ? step : halts_at(scores, i);
        const struct solver_step_score *score = &scores->each[(size_t)i * (size_t)scores->steps + (size_t)(at - 1)];
        const double share = (double)score->right / scores->cells;
        mean.exact += score->right == scores->cells;
        mean.cells += share;
        mean.nll += (double)score->nll;
        mean.steps += at;
        squares += share * share;
        n++;
    }
    *count = n;
    mean.exact /= (double)n;
    mean.cells /= (double)n;
    mean.nll /= (double)n;
    mean.steps /= (double)n;
    const double degrees = n > 1 ? (double)(n - 1) : NAN;
    mean.exact_error = sqrt(mean.exact * (1 - mean.exact) / degrees);
    mean.cells_error = sqrt(fmax(squares / (double)n - mean.cells * mean.cells, 0) / degrees);
    return mean;
}

struct solver_mean solver_scores_mean(const struct solver_scores *scores, int step) {
    int64_t count;
    return mean_of(scores, step, NULL, &count);
}

static json_t *mean_json(struct solver_mean mean) {
    json_t *json = json_object();
    json_object_set_new(json, "exact", json_real(mean.exact));
    if (isfinite(mean.exact_error)) json_object_set_new(json, "exact_error", json_real(mean.exact_error));
    json_object_set_new(json, "cells", json_real(mean.cells));
    if (isfinite(mean.cells_error)) json_object_set_new(json, "cells_error", json_real(mean.cells_error));
    if (isfinite(mean.nll)) json_object_set_new(json, "nll", json_real(mean.nll));
    json_object_set_new(json, "steps", json_real(mean.steps));
    return json;
}

/* The next difficulty above `than` that a puzzle has; false where there is none. */
static bool next_difficulty(const struct solver_scores *scores, int64_t than, int *next) {
    bool found = false;
    for (int64_t i = 0; i < scores->count; i++) {
        const int here = scores->puzzles->difficulty[i];
        if (here <= than || (found && here >= *next)) continue;
        *next = here;
        found = true;
    }
    return found;
}

static json_t *difficulties_json(const struct solver_scores *scores) {
    json_t *all = json_array();
    int difficulty;
    for (int64_t than = INT64_MIN; next_difficulty(scores, than, &difficulty); than = difficulty) {
        int64_t count;
        json_t *one = json_object();
        json_object_set_new(one, "difficulty", json_integer(difficulty));
        json_object_set_new(one, "full", mean_json(mean_of(scores, scores->steps, &difficulty, &count)));
        json_object_set_new(one, "halted", mean_json(mean_of(scores, 0, &difficulty, &count)));
        json_object_set_new(one, "puzzles", json_integer(count));
        json_array_append_new(all, one);
    }
    return all;
}

/* Tokens as the characters that they stand for; NULL without memory. */
static json_t *cells_json(const struct solver_scores *scores, const int32_t *cells) {
    char *text = malloc((size_t)scores->cells);
    for (int i = 0; text && i < scores->cells; i++) text[i] = scores->puzzles->alphabet[cells[i]];
    json_t *json = text ? json_stringn(text, (size_t)scores->cells) : NULL;
    free(text);
    return json;
}

static json_t *example_json(const struct solver_scores *scores) {
    const size_t T = (size_t)scores->cells;
    const size_t at = (size_t)scores->example * T;
    json_t *json = json_object();
    json_t *answers = json_array();
    for (int step = 0; step < scores->steps; step++)
        json_array_append_new(answers, cells_json(scores, scores->answers + (size_t)step * T));
    json_object_set_new(json, "rows", json_integer(scores->puzzles->rows));
    json_object_set_new(json, "columns", json_integer(scores->puzzles->columns));
    json_object_set_new(json, "puzzle", cells_json(scores, scores->puzzles->givens + at));
    json_object_set_new(json, "solution", cells_json(scores, scores->puzzles->solutions + at));
    json_object_set_new(json, "answers", answers);
    json_object_set_new(json, "halts", json_integer(halts_at(scores, scores->example)));
    return json;
}

json_t *solver_scores_json(const struct solver_scores *scores) {
    json_t *json = json_object();
    json_t *steps = json_array();
    for (int step = 1; step <= scores->steps; step++)
        json_array_append_new(steps, mean_json(solver_scores_mean(scores, step)));
    json_object_set_new(json, "puzzles", json_integer(scores->count));
    json_object_set_new(json, "full", mean_json(solver_scores_mean(scores, scores->steps)));
    json_object_set_new(json, "halted", mean_json(solver_scores_mean(scores, 0)));
    json_object_set_new(json, "steps", steps);
    json_object_set_new(json, "difficulties", difficulties_json(scores));
    json_object_set_new(json, "example", example_json(scores));
    return json;
}
