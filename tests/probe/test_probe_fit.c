/* Probes: what is there is found, what is not is at chance; features do not depend on company or threads. */
#include <math.h>

#include "fewshot/fewshot_fixture.h"
#include "support/error.h"

#include "base/random.h"
#include "math/matmul.h"
#include "probe/probe_features.h"
#include "probe/probe_fit.h"

enum { TRAIN = 400, TEST = 300, WIDTH = 20 };

/* x: noise but for column 3, which holds the number and, by thirds, the class; another class is in nothing. */
static void what_is_there_is_found_and_what_is_not_is_chance(void **state) {
    (void)state;
    enum { COLUMNS = 1 + 3 + 2, ROWS = TRAIN + TEST };
    static float x[ROWS * WIDTH];
    static double y[ROWS * COLUMNS];
    const struct probe_factor factors[] = {{"number", 0, 0}, {"third", 3, 1}, {"coin", 2, 4}};
    const struct random_key key = {.seed = 3, .purpose = 99};
    random_normal(x, ROWS * WIDTH, key);
    for (int i = 0; i < ROWS; i++) {
        const int third = i * 7 % 3;
        const int coin = random_uniform(key, (uint32_t)(100000 + i)) < 0.7;
        double *row = y + (size_t)i * COLUMNS;
        row[0] = 5 + third +
                 0.5 * x[i * WIDTH + 7]; /* x[7] is noise of variance 1: R² = 1 - 0.25 / (2/3 + 0.25) from x[3] */
        row[1 + third] = 1;
        row[4 + coin] = 1;
        x[i * WIDTH + 3] = (float)third;
        x[i * WIDTH + 4] = (float)(third == 1); /* the middle one of three is not linear in x[3] */
    }
    struct probe_data data = {.train = TRAIN,
                              .test = TEST,
                              .targets = y,
                              .columns = COLUMNS,
                              .factors = factors,
                              .factor_count = 3,
                              .validation = 80,
                              .seed = 1};
    struct probe_score scores[3];
    struct probe_score without[3];
    assert_ok(probe_fit(scores, &data, x, WIDTH, WIDTH, &error));
    assert_true(scores[0].score > 0.99 && scores[0].error < 0.01 && scores[0].chance == 0);
    assert_true(scores[1].score == 1 && scores[1].error == 0 && fabs(scores[1].chance - 1.0 / 3) < 0.01);
    assert_true(fabs(scores[2].score - scores[2].chance) < 0.08 && fabs(scores[2].chance - 0.7) < 0.08);
    assert_true(fabs(scores[2].error - sqrt(scores[2].score * (1 - scores[2].score) / TEST)) < 1e-12);
    /* From the first five columns alone: 1 - 0.25 / (2/3 + 0.25) = 0.727, standard error some 0.03. */
    assert_ok(probe_fit(without, &data, x, 5, WIDTH, &error));
    assert_true(fabs(without[0].score - 0.727) < 0.09 && without[0].error > 0.01 && without[0].error < 0.06);
    /* From noise: nothing, and the largest λ or near it, which leaves the mean. */
    assert_ok(probe_fit(without, &data, x + 8, WIDTH - 8, WIDTH, &error));
    assert_true(without[0].score < 0.05 && without[0].lambda >= 1);
}

static const char *const texts[] = {
    "the cat sat on the mat",  "red green blue", "the sun and the moon",      "one two three",
    "the dog sat by the door", "it is the cat",  "the mat and the cat sat on"};
enum { TEXTS = sizeof texts / sizeof *texts };

static struct probe_features features_of(const struct ltm_model *model, int count, int threads) {
    struct probe_features f;
    assert_ok(probe_features_create(&f, model, count, &error));
    for (int i = 0; i < count; i++) assert_ok(probe_features_set(&f, i, model, texts[i], &error));
    assert_ok(probe_features_compute(&f, model->decoder, &model->config.fast, 1, threads, NULL, &error));
    return f;
}

/* fp32 products of another number of rows may round otherwise in the last place; bits on any number of threads are equal. */
static void features_do_not_depend_on_company_or_threads(void **state) {
    (void)state;
    for (int latents = 0; latents <= 4; latents += 4) {
        struct ltm_model *model = fixture_model(latents, 32);
        struct probe_features all = features_of(model, TEXTS, 1);
        struct probe_features again = features_of(model, TEXTS, 3);
        struct probe_features few = features_of(model, 2, 1);
        assert_int_equal(all.width, latents * 16 + (latents ? 32 : 16));
        assert_memory_equal(all.rows, again.rows, sizeof(float) * TEXTS * (size_t)all.width);
        for (int k = 0; k < 2 * all.width; k++) assert_true(fabsf(all.rows[k] - few.rows[k]) < 1e-3f);
        float size = 0;
        for (int k = 0; k < all.width; k++) size += fabsf(all.rows[k] - all.rows[all.width + k]);
        assert_true(size > 0.1f); /* texts differ */
        probe_features_free(&all);
        probe_features_free(&again);
        probe_features_free(&few);
        ltm_model_close(model);
    }
}

static void long_documents_are_cut_and_empty_ones_refused(void **state) {
    (void)state;
    struct ltm_model *model = fixture_model(4, 8);
    struct probe_features f;
    assert_ok(probe_features_create(&f, model, 2, &error));
    assert_ok(probe_features_set(&f, 0, model, "the cat sat on the mat and the dog sat by the door", &error));
    assert_true(f.cut == 1 && f.all[0].tokens == 8 && f.all[0].ids[0] == ltm_tokenizer_end(model->tokenizer));
    assert_int_equal(probe_features_set(&f, 1, model, "", &error), LTM_INVALID);
    probe_features_free(&f);
    ltm_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_found_and_what_is_not_is_chance),
        cmocka_unit_test(features_do_not_depend_on_company_or_threads),
        cmocka_unit_test(long_documents_are_cut_and_empty_ones_refused),
    };
    return matmul_start(&error) == LTM_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
