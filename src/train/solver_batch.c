#include "train/solver_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/processes.h"
#include "base/safetensors.h"

static size_t rows(const struct solver_batch *b) { return (size_t)b->config->slow.batch; }

/* ---- Which puzzle a row has ---- */

/* The place in the file of the number-th puzzle: each pass over them has an order of its own (Fisher and Yates). */
static int64_t place_of(struct solver_batch *b, int64_t number) {
    const int64_t count = b->puzzles->count;
    const int64_t pass = number / count;
    const struct random_key key = {.seed = b->config->run.seed, .purpose = RANDOM_SOLVER_ORDER, .step = (uint32_t)pass};
    for (int64_t i = 0; pass != b->pass && i < count; i++) {
        const int64_t j = (int64_t)(random_uniform(key, (uint32_t)i) * (double)(i + 1));
        b->order[i] = b->order[j];
        b->order[j] = i;
    }
    b->pass = pass;
    return b->order[number % count];
}

/* What is drawn for the number-th puzzle. */
static struct random_key key_of(const struct solver_batch *b, enum random_purpose purpose, int64_t number) {
    return (struct random_key){.seed = b->config->run.seed,
                               .purpose = purpose,
                               .step = (uint32_t)(number >> 32),
                               .sequence = (uint32_t)number};
}

/* The row's cells, y and z at their start. */
static void load_row(struct solver_batch *b, size_t row) {
    const size_t T = (size_t)puzzle_cells(b->puzzles);
    const size_t d = b->n / T;
    const struct random_key image = key_of(b, RANDOM_SOLVER_IMAGE, b->number[row]);
    puzzles_take(b->puzzles, b->puzzle[row], b->config->data.augment ? &image : NULL, b->givens + row * T,
                 b->targets + row * T);
    for (size_t i = row * T; i < (row + 1) * T; i++) {
        memcpy(b->y + i * d, b->start_y, d * sizeof *b->y);
        memcpy(b->z + i * d, b->start_z, d * sizeof *b->z);
    }
}

static void begin_puzzle(struct solver_batch *b, size_t row) {
    b->number[row] = b->begun++;
    b->puzzle[row] = place_of(b, b->number[row]);
    b->steps[row] = 0;
    load_row(b, row);
}

/* The least number of steps that a puzzle stays. */
static int64_t least_steps(const struct solver_batch *b, int64_t number) {
    const int most = b->config->model.supervision;
    const struct random_key key = key_of(b, RANDOM_SOLVER_HALT, number);
    if (most < 2 || random_uniform(key, 0) >= 0.1) return 1;
    return 2 + (int64_t)(random_uniform(key, 1) * (most - 1));
}

static bool has_halted(const struct solver_batch *b, size_t row) {
    const int64_t steps = b->steps[row];
    return steps >= b->config->model.supervision ||
           (b->answers.halt[row] > 0 && steps >= least_steps(b, b->number[row]));
}

/* ---- In memory ---- */

ltm_status solver_batch_create(struct solver_batch **batch, const struct ltm_config *config,
                               const struct decoder *decoder, const struct puzzles *puzzles, int threads,
                               struct ltm_error *error) {
    static const char what[] = "a batch of puzzles";
    const size_t B = (size_t)config->slow.batch;
    const size_t d = (size_t)config->model.dim;
    const size_t T = (size_t)config->model.sequence;
    const int last = config->slow.batch % config->slow.group;
    ltm_status status = LTM_OK;
    struct solver_batch *made = NULL;
    *batch = NULL;
    TRY(NEW_ARRAY(made, 1, what, error));
    *made = (struct solver_batch){.config = config, .puzzles = puzzles, .threads = threads, .n = T * d, .pass = -1};
    TRY(NEW_ARRAY(made->workers, (size_t)threads, what, error));
    TRY(NEW_ARRAY(made->start_y, d, what, error));
    TRY(NEW_ARRAY(made->start_z, d, what, error));
    TRY(NEW_ARRAY(made->y, B * made->n, what, error));
    TRY(NEW_ARRAY(made->z, B * made->n, what, error));
    TRY(NEW_ARRAY(made->next_y, B * made->n, what, error));
    TRY(NEW_ARRAY(made->next_z, B * made->n, what, error));
    TRY(NEW_ARRAY(made->givens, B * T, what, error));
    TRY(NEW_ARRAY(made->targets, B * T, what, error));
    TRY(NEW_ARRAY(made->answers.nll, B, what, error));
    TRY(NEW_ARRAY(made->answers.halting, B, what, error));
    TRY(NEW_ARRAY(made->answers.halt, B, what, error));
    TRY(NEW_ARRAY(made->answers.right, B, what, error));
    TRY(NEW_ARRAY(made->puzzle, B, what, error));
    TRY(NEW_ARRAY(made->number, B, what, error));
    TRY(NEW_ARRAY(made->steps, B, what, error));
    TRY(NEW_ARRAY(made->drawn, B, what, error));
    TRY(NEW_ARRAY(made->diverged, B, what, error));
    TRY(NEW_ARRAY(made->order, (size_t)puzzles->count, what, error));
    for (int t = 0; t < threads; t++) {
        TRY(solver_pass_create(&made->workers[t].pass, decoder, &config->fast, config->slow.group, true, error));
        if (last) TRY(solver_pass_prepare(made->workers[t].pass, last, error));
    }
    solver_start(made->start_y, made->start_z, config->model.dim, config->run.seed, 0);
    for (size_t row = 0; row < B; row++) begin_puzzle(made, row);
    *batch = made;
    return LTM_OK;
cleanup:
    solver_batch_free(made);
    return status;
}

void solver_batch_free(struct solver_batch *b) {
    if (!b) return;
    for (int t = 0; b->workers && t < b->threads; t++) solver_pass_free(b->workers[t].pass);
    free(b->workers);
    free(b->start_y);
    free(b->start_z);
    free(b->y);
    free(b->z);
    free(b->next_y);
    free(b->next_z);
    free(b->givens);
    free(b->targets);
    free(b->answers.nll);
    free(b->answers.halting);
    free(b->answers.halt);
    free(b->answers.right);
    free(b->puzzle);
    free(b->number);
    free(b->steps);
    free(b->drawn);
    free(b->diverged);
    free(b->order);
    free(b);
}

size_t solver_batch_bytes(const struct ltm_config *config) {
    return (size_t)config->slow.batch * (size_t)config->model.sequence * (size_t)(config->model.dim + 1) * 4 *
           sizeof(float);
}

/* ---- A slow step ---- */

/* Zero, for processes to merge what each has made. */
void solver_batch_begin(struct solver_batch *b, float kl_weight) {
    b->kl_weight = kl_weight;
    for (size_t row = 0; row < rows(b); row++) b->drawn[row] = solver_number(b->number[row], b->steps[row]);
    memset(b->next_y, 0, rows(b) * b->n * sizeof *b->next_y);
    memset(b->next_z, 0, rows(b) * b->n * sizeof *b->next_z);
    memset(b->answers.nll, 0, rows(b) * sizeof *b->answers.nll);
    memset(b->answers.halting, 0, rows(b) * sizeof *b->answers.halting);
    memset(b->answers.halt, 0, rows(b) * sizeof *b->answers.halt);
    memset(b->answers.right, 0, rows(b) * sizeof *b->answers.right);
    memset(b->diverged, 0, rows(b) * sizeof *b->diverged);
}

void solver_batch_gradient(struct solver_batch *b, int thread, int first, int count,
                           const struct gradient_taker *taker) {
    const size_t row = (size_t)first;
    const size_t T = (size_t)puzzle_cells(b->puzzles);
    const struct solver_group group = {.count = count,
                                       .givens = b->givens + row * T,
                                       .targets = b->targets + row * T,
                                       .y = b->y + row * b->n,
                                       .z = b->z + row * b->n,
                                       .next_y = b->next_y + row * b->n,
                                       .next_z = b->next_z + row * b->n,
                                       .empty = puzzles_empty(b->puzzles),
                                       .kl_weight = b->kl_weight,
                                       .diverged = b->diverged + row,
                                       .noise = {{.seed = b->config->run.seed}, b->drawn + row},
                                       .answers = {b->answers.nll + row, b->answers.halting + row,
                                                   b->answers.halt + row, b->answers.right + row, NULL}};
    solver_pass_gradient(b->workers[thread].pass, &group, 1.0f / (float)rows(b), taker);
}

ltm_status solver_batch_merge(struct solver_batch *b, struct sequence_score *scores, struct ltm_error *error) {
    const size_t B = rows(b);
    PASS_UP(processes_merge(b->next_y, B * b->n * sizeof *b->next_y, error));
    PASS_UP(processes_merge(b->next_z, B * b->n * sizeof *b->next_z, error));
    PASS_UP(processes_merge(b->answers.nll, B * sizeof *b->answers.nll, error));
    PASS_UP(processes_merge(b->answers.halting, B * sizeof *b->answers.halting, error));
    PASS_UP(processes_merge(b->answers.halt, B * sizeof *b->answers.halt, error));
    PASS_UP(processes_merge(b->answers.right, B * sizeof *b->answers.right, error));
    PASS_UP(processes_merge(b->diverged, B * sizeof *b->diverged, error));
    for (size_t row = 0; row < B; row++)
        scores[row] = (struct sequence_score){
            .recon = (double)b->answers.nll[row], .kl = (double)b->answers.halting[row], .diverged = b->diverged[row]};
    return LTM_OK;
}

void solver_batch_advance(struct solver_batch *b) {
    float *y = b->y;
    float *z = b->z;
    b->y = b->next_y;
    b->z = b->next_z;
    b->next_y = y;
    b->next_z = z;
    for (size_t row = 0; row < rows(b); row++) {
        b->steps[row]++;
        if (has_halted(b, row)) begin_puzzle(b, row);
    }
}

void solver_batch_skip(struct solver_batch *b) {
    for (size_t row = 0; row < rows(b); row++) begin_puzzle(b, row);
}

/* ---- In a checkpoint ---- */

enum { Y, Z, PUZZLE, NUMBER, STEPS, TENSORS };

static void describe(struct safetensors_tensor tensors[TENSORS], const struct solver_batch *b) {
    const int64_t B = (int64_t)rows(b);
    const int64_t T = puzzle_cells(b->puzzles);
    const int64_t d = b->config->model.dim;
    const size_t bytes = rows(b) * b->n * sizeof(float);
    const size_t counts = rows(b) * sizeof(int64_t);
    tensors[PUZZLE] = (struct safetensors_tensor){"puzzle", SAFETENSORS_I64, 1, {B}, counts, b->puzzle};
    tensors[NUMBER] = (struct safetensors_tensor){"number", SAFETENSORS_I64, 1, {B}, counts, b->number};
    tensors[STEPS] = (struct safetensors_tensor){"steps", SAFETENSORS_I64, 1, {B}, counts, b->steps};
    tensors[Y] = (struct safetensors_tensor){"y", SAFETENSORS_F32, 3, {B, T, d}, bytes, b->y};
    tensors[Z] = (struct safetensors_tensor){"z", SAFETENSORS_F32, 3, {B, T, d}, bytes, b->z};
}

ltm_status solver_batch_write(const struct solver_batch *b, const char *path, struct ltm_error *error) {
    struct safetensors_tensor tensors[TENSORS];
    char numbers[3][24];
    snprintf(numbers[0], sizeof numbers[0], "%" PRId64, b->begun);
    snprintf(numbers[1], sizeof numbers[1], "%d", b->puzzles->rows);
    snprintf(numbers[2], sizeof numbers[2], "%d", b->puzzles->columns);
    const struct safetensors_pair metadata[] = {{"format", "ltm-1"},
                                                {"begun", numbers[0]},
                                                {"rows", numbers[1]},
                                                {"columns", numbers[2]},
                                                {"alphabet", b->puzzles->alphabet}};
    describe(tensors, b);
    return safetensors_write(path, tensors, TENSORS, metadata, sizeof metadata / sizeof *metadata, error);
}

static void reload(struct solver_batch *b, const float *y, const float *z) {
    for (size_t row = 0; row < rows(b); row++) load_row(b, row);
    memcpy(b->y, y, rows(b) * b->n * sizeof *y);
    memcpy(b->z, z, rows(b) * b->n * sizeof *z);
}

static ltm_status check_rows(const struct solver_batch *b, const void *const data[TENSORS], const char *begun,
                             const char *path, struct ltm_error *error) {
    const int64_t *puzzle = data[PUZZLE];
    const int64_t *number = data[NUMBER];
    const int64_t *steps = data[STEPS];
    const int64_t all = begun ? strtoll(begun, NULL, 10) : 0;
    bool good = all >= (int64_t)rows(b);
    for (size_t row = 0; row < rows(b); row++)
        good = good && puzzle[row] >= 0 && puzzle[row] < b->puzzles->count && number[row] >= 0 && number[row] < all &&
               steps[row] >= 0 && steps[row] < b->config->model.supervision;
    return good ? LTM_OK : fail(error, LTM_CORRUPT, "%s is damaged: it names puzzles that do not exist", path);
}

ltm_status solver_batch_read(struct solver_batch *b, const char *path, struct ltm_error *error) {
    struct safetensors_tensor tensors[TENSORS];
    const void *data[TENSORS];
    ltm_status status = LTM_OK;
    struct safetensors *file = NULL;
    describe(tensors, b);
    TRY(safetensors_open(&file, path, error));
    for (int k = 0; k < TENSORS; k++)
        TRY(safetensors_expect(file, tensors[k].name, tensors[k].type, tensors[k].rank, tensors[k].shape, &data[k],
                               error));
    const char *begun = safetensors_metadata(file, "begun");
    TRY(check_rows(b, data, begun, path, error));
    memcpy(b->puzzle, data[PUZZLE], tensors[PUZZLE].bytes);
    memcpy(b->number, data[NUMBER], tensors[NUMBER].bytes);
    memcpy(b->steps, data[STEPS], tensors[STEPS].bytes);
    b->begun = strtoll(begun, NULL, 10);
    reload(b, data[Y], data[Z]);
cleanup:
    safetensors_close(file);
    return status;
}

ltm_status solver_batch_spread(struct solver_batch *b, struct ltm_error *error) {
    const size_t B = rows(b);
    PASS_UP(processes_broadcast(&b->begun, sizeof b->begun, error));
    PASS_UP(processes_broadcast(b->puzzle, B * sizeof *b->puzzle, error));
    PASS_UP(processes_broadcast(b->number, B * sizeof *b->number, error));
    PASS_UP(processes_broadcast(b->steps, B * sizeof *b->steps, error));
    PASS_UP(processes_broadcast(b->y, B * b->n * sizeof *b->y, error));
    PASS_UP(processes_broadcast(b->z, B * b->n * sizeof *b->z, error));
    memcpy(b->next_y, b->y, B * b->n * sizeof *b->y);
    memcpy(b->next_z, b->z, B * b->n * sizeof *b->z);
    reload(b, b->next_y, b->next_z);
    return LTM_OK;
}
