/* The slow step's gradient against finite differences of the loss it reports, for both objectives, and what its settings do. */
#include "support/gradients.h"
#include "support/small_config.h"
#include "support/trainer_rig.h"
#include "support/unit.h"

enum { VOCAB = 30, WINDOW = 5, BATCH = 3, LENGTH = 9 };

static struct ltm_config tiny(void) {
    struct ltm_config c = small_config(VOCAB, LENGTH);
    c.model.window = WINDOW;
    c.fast.method = LTM_FAST_NATURAL;
    c.fast.steps = 3;
    c.slow.batch = BATCH;
    c.slow.group = 2;
    c.slow.latent_lr = 1;
    c.run.threads = 2;
    ltm_config_resolve(&c);
    return c;
}

static struct slow_step gradient_of(struct rig *rig) {
    struct slow_step done;
    memset(rig->trainer.gradient.total, 0, sizeof(float) * rig->trainer.state.own);
    assert_int_equal(trainer_gradient(&rig->trainer, &done, NULL), LTM_OK);
    return done;
}

static double loss(void *user) { return gradient_of(user).loss; }

/* Without fast steps q is the prior whatever the weights are, so the whole derivative of the loss is the gradient. */
static void check_objective(int objective, int samples) {
    struct ltm_config c = tiny();
    struct rig rig;
    c.fast.steps = 0;
    c.run.threads = 1;
    c.slow.objective = objective;
    c.slow.samples = samples;
    open_rig(&rig, &c);
    gradient_of(&rig);
    float *gradient = test_zeros(rig.decoder->table.size);
    copy_gradient(gradient, &rig.trainer);
    /* Each tensor by itself: a large gradient would hide a small one. Where it is very small, as those of self-attention's wq and
     * wk are here, only a longer step stands out from the rounding of the loss. */
    for (int i = 0; i < rig.decoder->table.count; i++) {
        const struct weight *w = &rig.decoder->table.weights[i];
        const size_t count = (size_t)w->rows * (size_t)w->columns;
        const float h = sqrt(test_weigh(gradient + w->offset, gradient + w->offset, count)) < 5e-3 ? 8e-2f : 6e-3f;
        char what[100];
        snprintf(what, sizeof what, "%s, %s", objective == LTM_OBJECTIVE_IWAE ? "iwae" : "elbo", w->name);
        check_gradient(what, rig.decoder->weights + w->offset, gradient + w->offset, count, h, loss, &rig);
    }
    free(gradient);
    close_rig(&rig);
}

static void test_the_gradient_is_the_derivative_of_the_loss(void **state) {
    (void)state;
    check_objective(LTM_OBJECTIVE_ELBO, 1);
    check_objective(LTM_OBJECTIVE_ELBO, 3);
    check_objective(LTM_OBJECTIVE_IWAE, 4);
}

/* By Jensen: -log of a mean of w lies below the mean of -log w, which is recon + KL only in expectation; with q the prior, KL
 * is 0 and the same draws are compared. */
static void test_iwae_lies_below_the_draws_mean(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    struct rig rig;
    c.fast.steps = 0;
    c.slow.objective = LTM_OBJECTIVE_IWAE;
    c.slow.samples = 5;
    open_rig(&rig, &c);
    const struct slow_step done = gradient_of(&rig);
    assert_true(done.loss < done.recon - 1e-4);
    close_rig(&rig);
}

static struct slow_step step_with(struct ltm_config c, float *gradient) {
    struct rig rig;
    open_rig(&rig, &c);
    const struct slow_step done = gradient_of(&rig);
    if (gradient) copy_gradient(gradient, &rig.trainer);
    close_rig(&rig);
    return done;
}

/* A lighter KL lets z say more; after the warm-up the step is the plain one, to the bit. */
static void test_kl_warmup(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    const struct slow_step plain = step_with(c, NULL);
    c.slow.kl_start = 0.1;
    assert_true(step_with(c, NULL).kl == plain.kl); /* a warm-up of no steps */
    c.slow.kl_warmup = 4;
    assert_true(step_with(c, NULL).kl > 1.5 * plain.kl);

    struct rig rig;
    open_rig(&rig, &c);
    rig.trainer.adam.count = 4;
    const double after = gradient_of(&rig).kl;
    rig.trainer.config.slow.kl_warmup = 0;
    assert_true(gradient_of(&rig).kl == after);
    close_rig(&rig);
}

static void test_any_number_of_threads(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    float *one = test_zeros(1 << 14);
    float *more = test_zeros(1 << 14);
    c.slow.samples = 3;
    for (int objective = LTM_OBJECTIVE_ELBO; objective <= LTM_OBJECTIVE_IWAE; objective++) {
        c.slow.objective = objective;
        c.run.threads = 1;
        step_with(c, one);
        c.run.threads = 2;
        step_with(c, more);
        assert_memory_equal(one, more, sizeof *one << 14);
    }
    free(one);
    free(more);
}

/* Weights before and after a first step of AdamW, which moves every weight that has a gradient by the rate. */
static void test_latent_lr_slows_the_cross_attention_alone(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    struct rig rig;
    struct slow_step done;
    c.slow.latent_lr = 0.25;
    c.slow.weight_decay = 0;
    c.slow.clip = 0;
    open_rig(&rig, &c);
    const size_t n = rig.decoder->table.size;
    float *before = test_zeros(n);
    memcpy(before, rig.decoder->weights, n * sizeof *before);
    assert_int_equal(trainer_step(&rig.trainer, &done, NULL), LTM_OK);
    for (int i = 0; i < rig.decoder->table.count; i++) {
        const struct weight *w = &rig.decoder->table.weights[i];
        const double expected = strstr(w->name, "cross_attention") ? 0.25 * done.lr : done.lr;
        double most = 0;
        for (size_t j = w->offset; j < w->offset + (size_t)w->rows * (size_t)w->columns; j++)
            most = fmax(most, fabs((double)rig.decoder->weights[j] - before[j]));
        assert_true(fabs(most - expected) < 0.02 * expected);
    }
    free(before);
    close_rig(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_gradient_is_the_derivative_of_the_loss),
        cmocka_unit_test(test_iwae_lies_below_the_draws_mean),
        cmocka_unit_test(test_kl_warmup),
        cmocka_unit_test(test_any_number_of_threads),
        cmocka_unit_test(test_latent_lr_slows_the_cross_attention_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
