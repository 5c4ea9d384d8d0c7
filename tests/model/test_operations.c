/* The operation counts that equal-compute studies rest on, against the matrix products that really run: linked with
 * --wrap=cblas_sgemm, so that each of them is counted. */
#include <math.h>

#include "support/gradients.h"
#include "support/model_keys.h"

#include <cblas.h>

#include "ltm/model.h"
#include "math/orthogonalise.h"
#include "model/decoder.h"
#include "nn/cross_attention.h"
#include "stages/model_shape.h"
#include "train/trainer.h"

static double operations;

/* cblas.h has the parameters. NOLINTBEGIN(readability-identifier-naming, bugprone-reserved-identifier) */
void __real_cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k,
                        float alpha, const float *a, blasint lda, const float *b, blasint ldb, float beta, float *c,
                        blasint ldc);
void __wrap_cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k,
                        float alpha, const float *a, blasint lda, const float *b, blasint ldb, float beta, float *c,
                        blasint ldc);
void __wrap_cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k,
                        float alpha, const float *a, blasint lda, const float *b, blasint ldb, float beta, float *c,
                        blasint ldc) {
    operations += 2.0 * m * n * k;
    __real_cblas_sgemm(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
/* NOLINTEND(readability-identifier-naming, bugprone-reserved-identifier) */

enum { SEQUENCES = 2, LENGTH = 64 };

struct counted {
    double score;
    double states; /* without the output layer */
    double fast_step;
    double slow_step;
};

/* Operations a token of each pass. */
static struct counted count(const struct ltm_model_config *config) {
    const double tokens = (double)SEQUENCES * LENGTH;
    struct counted counted;
    struct decoder *decoder;
    struct decoder_pass *pass;
    int32_t ids[SEQUENCES * LENGTH];
    float nll[SEQUENCES * LENGTH];
    const struct latent_aim aim = {test_normal((size_t)SEQUENCES * LENGTH * (size_t)config->dim, 2, 1), nll};
    assert_int_equal(decoder_create(&decoder, config, NULL), LTM_OK);
    assert_int_equal(decoder_pass_create(&pass, decoder, SEQUENCES, LENGTH, 1, NULL), LTM_OK);
    const size_t latents = (size_t)SEQUENCES * (size_t)config->latents * (size_t)config->dim;
    float *z = test_normal(latents + 1, 1, 1);
    float *dz = test_zeros(latents + 1);
    float *gradient = test_zeros(decoder->plan.table.size);
    for (int i = 0; i < SEQUENCES * LENGTH; i++) ids[i] = i % config->vocab;
    operations = 0;
    decoder_begin(pass, ids, ids, SEQUENCES, LENGTH);
    const double below = operations;
    decoder_score(pass, z, nll);
    counted.score = operations / tokens;
    operations = below;
    decoder_score(pass, z, NULL);
    counted.states = operations / tokens;
    operations = 0;
    if (config->latents) decoder_latent_gradient(pass, z, NULL, nll, dz);
    counted.fast_step = operations / tokens;
    operations = below;
    if (config->predict_latents > 0) decoder_aim(pass, &aim);
    decoder_weight_gradient(pass, z, NULL, nll, gradient);
    counted.slow_step = operations / tokens;
    free(z), free(dz), free(gradient), free(aim.states);
    decoder_pass_free(pass);
    decoder_free(decoder);
    return counted;
}

static void equal(const char *what, double got, double expected) {
    if (!(fabs(got - expected) <= 1e-9 * expected))
        fail_msg("%s: %.1f operations a token, not %.1f", what, got, expected);
}

/* With one block of 64 queries all 64 · 64 pairs are computed, where a token sees (64 + 1) / 2 on average; its backward pass makes the
 * scores again, five products for the forward pass's two. Neither is useful work. */
static void check(const struct ltm_model_config *config) {
    const struct counted counted = count(config);
    const double F = ltm_forward_flops(config);
    struct ltm_model_config kept = *config; /* what has a gradient, but for the injection where it ends */
    if (config->backprop) kept.loops = config->backprop;
    const double injection = config->backprop ? 4.0 * config->dim * config->dim : 0;
    const double pair = 4.0 * config->dim * model_depth(config);
    const double pair_back = 4.0 * config->dim * model_depth(&kept);
    const double unused = LENGTH - (LENGTH + 1) / 2.0;
    const double forward = F + pair * unused;
    const double back = ltm_forward_flops(&kept) + pair_back * unused;
    const double again = 0.5 * pair_back * LENGTH;
    const double ahead = model_ahead_flops(config);
    equal("forward", counted.score, forward);
    equal("slow step", counted.slow_step, forward + 2 * (back + injection) + 3 * ahead + again);
    assert_true(counted.fast_step <= forward + back + again);
}

static void operation_counts_are_those_of_the_products_that_run(void **state) {
    (void)state;
    struct ltm_model_config config = {.dim = 24,
                                      .layers = 3,
                                      .heads = 4,
                                      .kv_heads = 2,
                                      .ffn_multiple = 8,
                                      .sequence = LENGTH,
                                      .window = LENGTH,
                                      .vocab = 37};
    check(&config);
    config.latents = 3 * 16; /* so many that they are not folded, which has another count */
    assert_false(cross_attention_folds(&(struct cross_shape){1, LENGTH, 16, 4, 2, 6, 24}));
    check(&config);
    config.latent_from = 1;
    config.latents = 2 * 16;
    check(&config);
    for (int i = 0; i < MODEL_KEYS; i++) {
        const struct ltm_model_config with = model_with_key(config, i);
        check(&with);
    }
    config.predict = 3;
    check(&config);
}

/* A teacher's pass has no output layer, and its aim costs one head's three passes. */
static void latent_prediction_is_counted(void **state) {
    (void)state;
    struct ltm_config c;
    struct growth now;
    ltm_config_defaults(&c);
    c.model = (struct ltm_model_config){.dim = 24,
                                        .layers = 2,
                                        .heads = 4,
                                        .kv_heads = 2,
                                        .ffn_multiple = 8,
                                        .sequence = LENGTH,
                                        .window = LENGTH,
                                        .vocab = 37};
    now = growth_at(&c, 0);
    const double without = trainer_flops(&c, &now);
    const struct counted plain = count(&c.model);
    c.model.predict_latents = 1;
    c.model.predict_distance = 1;
    const double more = trainer_flops(&c, &now) - without;
    const double head = count(&c.model).slow_step - plain.slow_step;
    equal("head", head, 6.0 * 24 * 24);
    equal("latent prediction", more, ltm_forward_flops(&c.model) - (plain.score - plain.states) + head);
}

static const struct ltm_model_config two_layers = {.dim = 24,
                                                   .layers = 2,
                                                   .heads = 4,
                                                   .kv_heads = LTM_AUTO,
                                                   .ffn_multiple = 32,
                                                   .sequence = 8,
                                                   .window = 8,
                                                   .vocab = 37,
                                                   .latents = 4};

/* Forward here; its backward pass has twice the products. */
static void an_encoder_is_counted(void **state) {
    (void)state;
    struct ltm_model_config config = two_layers;
    config.sequence = LENGTH;
    const double without = count(&config).score;
    const double flops = ltm_forward_flops(&config);
    config.encoder = LTM_ENCODER_BAG;
    equal("encoder", count(&config).score - without, ltm_forward_flops(&config) - flops);
}

static void an_update_is_counted_too(void **state) {
    (void)state;
    struct plan plan;
    assert_int_equal(plan_create(&plan, &two_layers, NULL), LTM_OK);
    operations = 0;
    for (int i = 0; i < plan.table.count; i++) {
        const struct weight *w = &plan.table.weights[i];
        if (w->optimiser != WEIGHT_MATRIX) continue;
        float *x = test_normal(weight_size(w), 1, 1);
        float *scratch = test_zeros(orthogonalise_scratch(w->rows, w->columns));
        orthogonalise(x, w->rows, w->columns, scratch);
        free(x), free(scratch);
    }
    equal("update", operations, plan.table.orthogonalise);
    equal("update, only counted", plan_counted(&two_layers).table.orthogonalise, operations);
    plan_free(&plan);
}

/* A fast step runs as many products behind a prelude of two layers as behind one. */
static void a_prelude_runs_once_a_sequence(void **state) {
    (void)state;
    struct counted counted[2];
    for (int i = 0; i < 2; i++) {
        const struct ltm_model_config config = {.dim = 24,
                                                .layers = 3 + i,
                                                .heads = 4,
                                                .kv_heads = 2,
                                                .ffn_multiple = 8,
                                                .sequence = LENGTH,
                                                .window = LENGTH,
                                                .vocab = 37,
                                                .latents = 2 * 16,
                                                .latent_from = 1 + i,
                                                .prelude = 1 + i,
                                                .coda = 1,
                                                .loops = 3,
                                                .inject = LTM_INJECT_DIAGONAL};
        check(&config);
        counted[i] = count(&config);
    }
    equal("fast step", counted[0].fast_step, counted[1].fast_step);
    assert_true(counted[0].score < counted[1].score);
}

static void parameters_are_those_of_the_table(void **state) {
    (void)state;
    struct plan plan;
    struct ltm_model_config config = two_layers;
    assert_int_equal(plan_create(&plan, &config, NULL), LTM_OK);
    int64_t sum = 0;
    for (int i = 0; i < plan.table.count; i++) sum += (int64_t)weight_size(&plan.table.weights[i]);
    const int ffn = model_ffn_width(&config);
    assert_int_equal(sum, 37 * 24 + 2 * (2 * 4 * 24 * 24 + 3 * 24 * ffn + 3 * 24) + 24);
    assert_int_equal(ltm_parameter_count(&config), sum);
    config.output = LTM_OUTPUT_OWN;
    assert_int_equal(ltm_parameter_count(&config), sum + 37 * 24);
    plan_free(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operation_counts_are_those_of_the_products_that_run),
        cmocka_unit_test(latent_prediction_is_counted),
        cmocka_unit_test(an_encoder_is_counted),
        cmocka_unit_test(an_update_is_counted_too),
        cmocka_unit_test(a_prelude_runs_once_a_sequence),
        cmocka_unit_test(parameters_are_those_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
