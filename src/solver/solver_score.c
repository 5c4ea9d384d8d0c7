#include "solver/solver_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/processes.h"
#include "solver/solver_pass.h"

/* ---- Taking them ---- */

#define SCORES 0x80000000u /* steps of random keys from here on are restarts; training has those below */

/* A thread's. */
struct solving {
    struct solver_pass *pass;
    float *y, *z; /* (G, T, d) */
    struct solver_answers answers;
    uint32_t *numbers;               /* (G) */
    float *residual, *least;         /* (G): of this run, and of that which answers */
    struct solver_step_score *steps; /* (G, steps): of this run */
    int32_t *example;                /* (steps, T): its answers to the example */
};

static ltm_status solving_create(struct solving *s, const struct decoder *decoder, const struct ltm_fast_config *fast,
                                 int group, struct ltm_error *error) {
    const size_t G = (size_t)group;
    const size_t T = (size_t)decoder->plan.config.sequence;
    const size_t n = G * T * (size_t)decoder->plan.config.dim;
    static const char what[] = "a solver's states";
    PASS_UP(solver_pass_create(&s->pass, decoder, fast, group, false, error));
    PASS_UP(NEW_ARRAY(s->y, n, what, error));
    PASS_UP(NEW_ARRAY(s->z, n, what, error));
    PASS_UP(NEW_ARRAY(s->answers.nll, G, what, error));
    PASS_UP(NEW_ARRAY(s->answers.halting, G, what, error));
    PASS_UP(NEW_ARRAY(s->answers.halt, G, what, error));
    PASS_UP(NEW_ARRAY(s->answers.right, G, what, error));
    PASS_UP(NEW_ARRAY(s->numbers, G, what, error));
    PASS_UP(NEW_ARRAY(s->residual, G, what, error));
    PASS_UP(NEW_ARRAY(s->least, G, what, error));
    PASS_UP(NEW_ARRAY(s->steps, G * (size_t)decoder->plan.config.supervision, what, error));
    PASS_UP(NEW_ARRAY(s->example, T * (size_t)decoder->plan.config.supervision, what, error));
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
    free(s->numbers);
    free(s->residual);
    free(s->least);
    free(s->steps);
    free(s->example);
}

/* All steps of a run on puzzles first … first + count - 1, from `start`. */
static void run(const struct solver_scores *scores, const struct solving *s, const float *start, int64_t first,
                int count, struct random_key key) {
    const size_t T = (size_t)scores->cells;
    const size_t d = (size_t)scores->width;
    const size_t at = (size_t)first * T;
    const int64_t example = scores->example - first;
    const struct solver_group group = {.count = count,
                                       .givens = scores->puzzles->givens + at,
                                       .targets = scores->puzzles->solutions + at,
                                       .y = s->y,
                                       .z = s->z,
                                       .next_y = s->y,
                                       .next_z = s->z,
                                       .empty = puzzles_empty(scores->puzzles),
                                       .kl_weight = 1,
                                       .diverged = key.step == SCORES ? scores->diverged + first : NULL,
                                       .noise = {key, s->numbers},
                                       .given_nll = scores->given_nll + first,
                                       .given_kl = scores->given_kl + first,
                                       .residual = s->residual,
                                       .answers = s->answers};
    for (size_t i = 0; i < (size_t)count * T; i++) {
        memcpy(s->y + i * d, start, d * sizeof *start);
        memcpy(s->z + i * d, start + d, d * sizeof *start);
    }
    for (int g = 0; g < count; g++) s->numbers[g] = solver_number(first + g, 0);
    solver_pass_fit(s->pass, &group);
    if (key.step == SCORES) solver_pass_tell(s->pass, &group);
    for (int step = 0; step < scores->steps; step++) {
        for (int g = 0; g < count; g++) s->numbers[g] = solver_number(first + g, step);
        solver_pass_run(s->pass, &group);
        for (int g = 0; g < count; g++)
            s->steps[g * scores->steps + step] =
                (struct solver_step_score){s->answers.nll[g], s->answers.halt[g], s->answers.right[g]};
        if (example >= 0 && example < count)
            memcpy(s->example + (size_t)step * T, s->answers.cells + (size_t)example * T, T * sizeof *s->example);
    }
}

/* Of the runs on these puzzles the one with the least residual at the end is kept, beside the first and the best. */
static void solve(struct solver_scores *scores, const struct solving *s, const float *starts, int64_t first, int count,
                  uint64_t seed) {
    const size_t steps = (size_t)scores->steps;
    for (int restart = 0; restart < scores->restarts; restart++) {
        const struct random_key key = {.seed = seed, .step = SCORES + (uint32_t)restart};
        const int start = scores->starts > 1 ? restart : 0;
        run(scores, s, starts + (size_t)start * 2 * (size_t)scores->width, first, count, key);
        for (int g = 0; g < count; g++) {
            const int64_t i = first + g;
            const struct solver_step_score *own = s->steps + (size_t)g * steps;
            scores->sums[i].whole += own[steps - 1].right == scores->cells;
            scores->sums[i].right += own[steps - 1].right;
            if (restart == 0) scores->first[i] = scores->best[i] = own[steps - 1];
            if (own[steps - 1].right > scores->best[i].right) scores->best[i] = own[steps - 1];
            if (restart > 0 && !solver_settles(s->residual[g], s->least[g])) continue;
            s->least[g] = s->residual[g];
            memcpy(scores->each + (size_t)i * steps, own, steps * sizeof *own);
            if (i == scores->example)
                memcpy(scores->answers, s->example, steps * (size_t)scores->cells * sizeof *s->example);
        }
    }
}

static int64_t hardest(const struct puzzles *puzzles, int64_t count) {
    int64_t most = 0;
    for (int64_t i = 1; i < count; i++)
        if (puzzles->difficulty[i] > puzzles->difficulty[most]) most = i;
    return most;
}

/* What each process has made. */
static ltm_status merge(struct solver_scores *scores, struct ltm_error *error) {
    const size_t count = (size_t)scores->count;
    const size_t steps = (size_t)scores->steps;
    PASS_UP(processes_merge(scores->each, count * steps * sizeof *scores->each, error));
    PASS_UP(processes_merge(scores->first, count * sizeof *scores->first, error));
    PASS_UP(processes_merge(scores->diverged, count * sizeof *scores->diverged, error));
    PASS_UP(processes_merge(scores->sums, count * sizeof *scores->sums, error));
    PASS_UP(processes_merge(scores->given_nll, count * sizeof *scores->given_nll, error));
    PASS_UP(processes_merge(scores->given_kl, count * sizeof *scores->given_kl, error));
    PASS_UP(processes_merge(scores->best, count * sizeof *scores->best, error));
    return processes_merge(scores->answers, steps * (size_t)scores->cells * sizeof *scores->answers, error);
}

/* Puzzles are scored in groups of so many: of about 1,000 rows. */
static int group_of(const struct solver_scores *scores) { return scores->cells < 1000 ? 1000 / scores->cells : 1; }

static ltm_status create(struct solver_scores *scores, struct solving **all, float **starts,
                         const struct decoder *decoder, const struct ltm_config *config, int threads,
                         struct ltm_error *error) {
    static const char what[] = "scores";
    const size_t count = (size_t)scores->count;
    const size_t steps = (size_t)scores->steps;
    const size_t d = (size_t)scores->width;
    const int group = group_of(scores);
    const int last = (int)(scores->count % group);
    PASS_UP(NEW_ARRAY(scores->each, count * steps, what, error));
    PASS_UP(NEW_ARRAY(scores->first, count, what, error));
    PASS_UP(NEW_ARRAY(scores->best, count, what, error));
    PASS_UP(NEW_ARRAY(scores->diverged, count, what, error));
    PASS_UP(NEW_ARRAY(scores->sums, count, what, error));
    PASS_UP(NEW_ARRAY(scores->given_nll, count, what, error));
    PASS_UP(NEW_ARRAY(scores->given_kl, count, what, error));
    PASS_UP(NEW_ARRAY(scores->answers, steps * (size_t)scores->cells, what, error));
    PASS_UP(NEW_ARRAY(*starts, 2 * d * (size_t)scores->starts, what, error));
    PASS_UP(NEW_ARRAY(*all, (size_t)threads, what, error));
    for (int t = 0; t < threads; t++) {
        PASS_UP(solving_create(&(*all)[t], decoder, &config->fast, group, error));
        if (last) PASS_UP(solver_pass_prepare((*all)[t].pass, last, error));
    }
    for (int r = 0; r < scores->starts; r++) {
        float *start = *starts + (size_t)r * 2 * d;
        solver_start(start, start + d, scores->width, config->run.seed, r);
    }
    return LTM_OK;
}

ltm_status solver_scores_take(struct solver_scores *scores, const struct decoder *decoder,
                              const struct puzzles *puzzles, const struct ltm_config *config, int64_t most, int threads,
                              struct ltm_error *error) {
    const struct ltm_model_config *c = &decoder->plan.config;
    const int64_t count = most && most < puzzles->count ? most : puzzles->count;
    const int processes = processes_count();
    struct solving *all = NULL;
    float *starts = NULL;
    ltm_status status = LTM_OK;
    *scores = (struct solver_scores){.count = count,
                                     .steps = c->supervision,
                                     .restarts = config->eval.restarts,
                                     .starts = c->stable ? 1 : config->eval.restarts,
                                     .cells = puzzle_cells(puzzles),
                                     .width = c->dim,
                                     .latents = c->latents,
                                     .puzzles = puzzles,
                                     .example = hardest(puzzles, count)};
    const int group = group_of(scores);
    const int64_t groups = (count + group - 1) / group;
    if (threads > groups) threads = (int)groups;
    TRY(processes_agree(create(scores, &all, &starts, decoder, config, threads, error), error));
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; t++)
        for (int64_t i = t * processes + processes_rank(); i < groups; i += (int64_t)threads * processes)
            solve(scores, &all[t], starts, i * group, (int)(i + 1 < groups ? group : count - i * group),
                  config->run.seed);
    TRY(merge(scores, error));
cleanup:
    for (int t = 0; all && t < threads; t++) solving_free(&all[t]);
    free(all);
    free(starts);
    if (status != LTM_OK) solver_scores_free(scores);
    return status;
}

void solver_scores_free(struct solver_scores *scores) {
    free(scores->each);
    free(scores->first);
    free(scores->best);
    free(scores->diverged);
    free(scores->sums);
    free(scores->given_nll);
    free(scores->given_kl);
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

/* Means over puzzles of a difficulty, or of all where `difficulty` is NULL. *count = their number. `last`, unless NULL, has the last
 * step's scores of other runs than those that answer. */
static struct solver_mean mean_of(const struct solver_scores *scores, int step, const struct solver_step_score *last,
                                  const int *difficulty, int64_t *count) {
    struct solver_mean mean = {0};
    double squares = 0; /* of shares of cells */
    int64_t n = 0;
    for (int64_t i = 0; i < scores->count; i++) {
        if (difficulty && scores->puzzles->difficulty[i] != *difficulty) continue;
        const int at = step ? step : halts_at(scores, i);
        const struct solver_step_score *score =
            last ? &last[i] : &scores->each[(size_t)i * (size_t)scores->steps + (size_t)(at - 1)];
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
    return mean_of(scores, step, NULL, NULL, &count);
}

int64_t solver_scores_diverged(const struct solver_scores *scores) {
    int64_t diverged = 0;
    for (int64_t i = 0; i < scores->count; i++) diverged += scores->diverged[i];
    return diverged;
}

/* Means over puzzles of their means over runs; nll is none. */
static struct solver_mean mean_of_runs(const struct solver_scores *scores) {
    struct solver_mean mean = {.nll = NAN, .steps = scores->steps};
    const double count = (double)scores->count;
    const double degrees = count > 1 ? count - 1 : NAN;
    double exact_squares = 0;
    double cells_squares = 0;
    for (int64_t i = 0; i < scores->count; i++) {
        const double exact = (double)scores->sums[i].whole / scores->restarts;
        const double cells = (double)scores->sums[i].right / scores->restarts / scores->cells;
        mean.exact += exact / count;
        mean.cells += cells / count;
        exact_squares += exact * exact / count;
        cells_squares += cells * cells / count;
    }
    mean.exact_error = sqrt(fmax(exact_squares - mean.exact * mean.exact, 0) / degrees);
    mean.cells_error = sqrt(fmax(cells_squares - mean.cells * mean.cells, 0) / degrees);
    return mean;
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
        json_object_set_new(one, "full", mean_json(mean_of(scores, scores->steps, NULL, &difficulty, &count)));
        json_object_set_new(one, "halted", mean_json(mean_of(scores, 0, NULL, &difficulty, &count)));
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

/* One run, the first, and the best of all by their cells, which only the solution can tell. */
static json_t *restarts_json(const struct solver_scores *scores) {
    int64_t count;
    json_t *json = json_object();
    json_object_set_new(json, "runs", json_integer(scores->restarts));
    json_object_set_new(json, "starts", json_integer(scores->starts));
    json_object_set_new(json, "mean", mean_json(mean_of_runs(scores)));
    json_object_set_new(json, "one", mean_json(mean_of(scores, scores->steps, scores->first, NULL, &count)));
    json_object_set_new(json, "best", mean_json(mean_of(scores, scores->steps, scores->best, NULL, &count)));
    return json;
}

/* Of the first run's draws: nats of a puzzle's givens, and its posterior's KL. */
static json_t *latents_json(const struct solver_scores *scores) {
    json_t *json = json_object();
    double nll = 0;
    double kl = 0;
    for (int64_t i = 0; i < scores->count; i++) {
        nll += (double)scores->given_nll[i];
        kl += (double)scores->given_kl[i];
    }
    if (isfinite(nll)) json_object_set_new(json, "givens", json_real(nll / (double)scores->count));
    if (isfinite(kl)) json_object_set_new(json, "kl", json_real(kl / (double)scores->count));
    json_object_set_new(json, "diverged", json_integer(solver_scores_diverged(scores)));
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
    if (scores->restarts > 1) json_object_set_new(json, "restarts", restarts_json(scores));
    if (scores->latents) json_object_set_new(json, "latents", latents_json(scores));
    json_object_set_new(json, "steps", steps);
    json_object_set_new(json, "difficulties", difficulties_json(scores));
    json_object_set_new(json, "example", example_json(scores));
    return json;
}
