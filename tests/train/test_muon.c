/* Steps of Muon against a program in float64, for matrices of odd shapes; the same bits from any number of threads and processes. */
#include <math.h>

#include "support/gradients.h"
#include "support/orthogonalise.h"

#include "base/memory.h"
#include "train/optimiser.h"

enum { WEIGHTS = 7, STEPS = 3, THREADS = 4 };

/* An embedding, a gain, and matrices: a row, a column, tall, wide, square; two blocks, and stacked as a product takes them. */
static struct weight_table make_table(void) {
    struct weight_table table = {0};
    for (int turn = 0; turn < 2; turn++) {
        weights_begin_block(&table, "embedding");
        struct weight embedding = weight_matrix("embedding", 40, 6, WEIGHT_STD);
        embedding.optimiser = WEIGHT_ELEMENTWISE;
        weights_add(&table, embedding, WEIGHT_ALONE);
        weights_begin_block(&table, "layer");
        weights_add(&table, weight_gain("gain", 6), WEIGHT_ALONE);
        weights_add(&table, weight_matrix("row", 1, 7, WEIGHT_STD), WEIGHT_PRODUCT);
        weights_add(&table, weight_matrix("square", 7, 7, WEIGHT_STD), WEIGHT_STACKED);
        weights_add(&table, weight_matrix("column", 9, 1, WEIGHT_STD), WEIGHT_PRODUCT);
        weights_add(&table, weight_matrix("tall", 31, 5, WEIGHT_STD), WEIGHT_PRODUCT);
        struct weight wide = weight_matrix("wide", 5, 23, WEIGHT_STD);
        wide.rate = WEIGHT_RATE_LATENT;
        weights_add(&table, wide, WEIGHT_PRODUCT);
        if (turn == 0) assert_int_equal(weight_table_allocate(&table, NULL), LTM_OK);
    }
    assert_int_equal(table.count, WEIGHTS);
    return table;
}

static struct ltm_slow_config settings(void) {
    struct ltm_config c;
    ltm_config_defaults(&c);
    c.slow.optimiser = LTM_OPTIMISER_MUON;
    c.slow.lr = 0.01;
    c.slow.matrix_lr = 0.05;
    c.slow.weight_decay = 0.3;
    c.slow.momentum = 0.9;
    return c.slow;
}

static double rate_of(int step) { return 0.01 / (1 + step); }

static const double SCALE = 0.25; /* of clipping */

static float *start(const struct weight_table *table) { return test_normal(table->size, 1, 0.3f); }

static float *gradient_of(const struct weight_table *table, int step) {
    return test_normal(table->size, (uint32_t)(10 + step), 2);
}

/* Steps `weights` as process `rank` of `processes` does: its own share of them. */
static void train(float *weights, const struct weight_table *table, int processes, int rank, int threads) {
    const struct ltm_slow_config config = settings();
    struct optimiser_shards shards;
    struct optimiser optimiser;
    assert_int_equal(optimiser_shards_create(&shards, table, true, processes, rank, NULL), LTM_OK);
    assert_int_equal(optimiser_create(&optimiser, &config, table, &shards, threads, NULL), LTM_OK);
    float *own;
    assert_int_equal(NEW_ARRAY(own, shards.own, "a gradient", NULL), LTM_OK);
    for (int step = 0; step < STEPS; step++) {
        float *gradient = gradient_of(table, step);
        for (int p = 0; p < shards.count; p++) {
            const struct piece *piece = &shards.pieces[p];
            memcpy(own + piece->at, gradient + piece->own.begin,
                   (piece->own.end - piece->own.begin) * sizeof *gradient);
        }
        optimiser_update(&optimiser, weights, own, table, &config, rate_of(step), SCALE, threads);
        for (size_t i = 0; i < shards.own; i++) assert_true(own[i] == 0);
        free(gradient);
    }
    free(own);
    optimiser_free(&optimiser);
    optimiser_shards_free(&shards);
}

/* One weight through all steps, by Muon or by AdamW. */
static void twin(double *w, const struct weight_table *table, const struct weight *weight) {
    const struct ltm_slow_config c = settings();
    const size_t n = weight_size(weight);
    double *m = calloc(n, sizeof *m);
    double *v = calloc(n, sizeof *v);
    double *x = calloc(n, sizeof *x);
    double *turned = calloc(n, sizeof *turned);
    const double scale = weight->rate == WEIGHT_RATE_LATENT ? c.latent_lr : 1;
    const bool tall = weight->rows > weight->columns;
    for (int step = 0; step < STEPS; step++) {
        const double lr = rate_of(step) * scale;
        float *gradient = gradient_of(table, step);
        for (size_t i = 0; i < n; i++) {
            const double g = SCALE * (double)gradient[weight->offset + i];
            const double beta = weight->optimiser == WEIGHT_MATRIX ? c.momentum : c.beta1;
            m[i] = beta * m[i] + (1 - beta) * g;
            v[i] = c.beta2 * v[i] + (1 - c.beta2) * g * g;
            x[i] = (1 - c.momentum) * g + c.momentum * m[i];
        }
        const size_t rows = (size_t)weight->rows;
        const size_t columns = (size_t)weight->columns;
        for (size_t i = 0; i < n; i++) turned[i % columns * rows + i / columns] = x[i];
        if (tall)
            test_orthogonalise(turned, weight->columns, weight->rows);
        else
            test_orthogonalise(x, weight->rows, weight->columns);
        for (size_t i = 0; i < n; i++) {
            if (weight->optimiser == WEIGHT_MATRIX) {
                const double rate = lr * c.matrix_lr / c.lr;
                const double direction = tall ? turned[i % columns * rows + i / columns] : x[i];
                w[i] = w[i] * (1 - rate * c.weight_decay) -
                       rate * sqrt(fmax(1, (double)weight->rows / weight->columns)) * direction;
            } else {
                const double first = m[i] / (1 - pow(c.beta1, step + 1));
                const double second = v[i] / (1 - pow(c.beta2, step + 1));
                w[i] = w[i] * (1 - (weight->decays ? lr * c.weight_decay : 0)) - lr * first / (sqrt(second) + 1e-8);
            }
        }
        free(gradient);
    }
    free(m), free(v), free(x), free(turned);
}

/* An orthogonalised entry is good to 2e-4 (tests/math/test_orthogonalise.c), which a step multiplies by its rate; the rest are
 * roundings of 2^-24 of numbers about 1. */
static void steps_are_those_of_the_float64_program(void **state) {
    (void)state;
    struct weight_table table = make_table();
    float *before = start(&table);
    float *after = start(&table);
    train(after, &table, 1, 0, 2);
    for (int k = 0; k < table.count; k++) {
        const struct weight *weight = &table.weights[k];
        double *w = calloc(weight_size(weight), sizeof *w);
        for (size_t i = 0; i < weight_size(weight); i++) w[i] = (double)before[weight->offset + i];
        twin(w, &table, weight);
        for (size_t i = 0; i < weight_size(weight); i++) {
            const double is = (double)after[weight->offset + i];
            assert_true(is != (double)before[weight->offset + i]);
            if (!(fabs(is - w[i]) < 3e-5)) fail_msg("%s, entry %zu: %.9g, not %.9g", weight->name, i, is, w[i]);
        }
        free(w);
    }
    free(before), free(after);
    weight_table_free(&table);
}

static void bits_depend_on_no_thread_and_no_process(void **state) {
    (void)state;
    struct weight_table table = make_table();
    float *one = start(&table);
    train(one, &table, 1, 0, 1);
    for (int threads = 2; threads <= THREADS; threads++) {
        float *more = start(&table);
        train(more, &table, 1, 0, threads);
        assert_memory_equal(one, more, table.size * sizeof *one);
        free(more);
    }
    for (int processes = 2; processes <= 3; processes++) {
        float *whole = start(&table);
        for (int rank = 0; rank < processes; rank++) {
            struct optimiser_shards shards;
            float *mine = start(&table);
            train(mine, &table, processes, rank, 2);
            assert_int_equal(optimiser_shards_create(&shards, &table, true, processes, rank, NULL), LTM_OK);
            for (int p = 0; p < shards.count; p++) {
                const struct range own = shards.pieces[p].own;
                memcpy(whole + own.begin, mine + own.begin, (own.end - own.begin) * sizeof *mine);
            }
            optimiser_shards_free(&shards);
            free(mine);
        }
        assert_memory_equal(one, whole, table.size * sizeof *one);
        free(whole);
    }
    free(one);
    weight_table_free(&table);
}

/* Whatever the number of processes: pieces tile the weights in order, slices a piece, and a matrix is one of either. */
static void a_matrix_is_one_slice(void **state) {
    (void)state;
    struct weight_table table = make_table();
    for (int processes = 1; processes <= 3; processes++) {
        struct optimiser_shards shards;
        size_t at = 0;
        int matrices = 0;
        assert_int_equal(optimiser_shards_create(&shards, &table, true, processes, 0, NULL), LTM_OK);
        for (int p = 0; p < shards.count; p++) {
            const struct piece *piece = &shards.pieces[p];
            assert_true(piece->all.begin == at && piece->all.end > at);
            for (int turn = 0; turn < processes; turn++) {
                const struct range slice = optimiser_shards_slice(&shards, p, (turn + p) % processes);
                if (slice.begin == slice.end) continue;
                assert_true(slice.begin == at);
                if (piece->whole) assert_true(slice.end == piece->all.end);
                at = slice.end;
            }
            assert_true(at == piece->all.end);
            matrices += piece->whole;
        }
        assert_true(at == table.size && matrices == 5);
        optimiser_shards_free(&shards);
    }
    weight_table_free(&table);
}

/* A matrix has the momentum and nothing else; what is no matrix, AdamW's two moments. */
static void no_state_is_kept_for_nothing(void **state) {
    (void)state;
    struct weight_table table = make_table();
    struct optimiser_shards shards;
    const struct ltm_slow_config config = settings();
    size_t matrices = 0;
    assert_int_equal(optimiser_shards_create(&shards, &table, true, 1, 0, NULL), LTM_OK);
    for (int k = 0; k < table.count; k++)
        if (table.weights[k].optimiser == WEIGHT_MATRIX) matrices += weight_size(&table.weights[k]);
    const size_t scratch = 2 * 7 * 7 + 7 * 7; /* of the square one, and in whole lines of 64 bytes */
    const size_t least = matrices + 2 * (table.size - matrices) + scratch;
    const size_t floats = optimiser_bytes(&config, &table, &shards, 1) / sizeof(float);
    assert_true(floats >= least && floats < least + 16 * (2 * WEIGHTS + 1) + 155);
    optimiser_shards_free(&shards);
    weight_table_free(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_the_float64_program),
        cmocka_unit_test(bits_depend_on_no_thread_and_no_process),
        cmocka_unit_test(a_matrix_is_one_slice),
        cmocka_unit_test(no_state_is_kept_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
