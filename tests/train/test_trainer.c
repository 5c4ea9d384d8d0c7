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

/* The windows' sequences, of which every third target counts nothing and is another by `move`, the rest `weight` and more; of each
 * batch's last sequence none counts. */
struct masked {
    struct sequence_source source; /* first */
    const struct sequence_source *windows;
    float weight, more;
    int move;
};

static bool read_masked(const struct sequence_source *source, int64_t i, int length, int32_t *tokens, int32_t *targets,
                        float *weights) {
    const struct masked *m = (const struct masked *)source;
    m->windows->read(m->windows, i, length, tokens, targets, weights);
    for (int t = 0; t < length; t++) {
        const bool counts = t % 3 && i % BATCH < BATCH - 1;
        weights[t] = counts ? m->weight + m->more * (float)t : m->move < 0 ? 1 : 0;
        if (!counts && m->move > 0) targets[t] = (targets[t] + m->move) % VOCAB;
    }
    return true;
}

static struct masked mask(struct rig *rig, float weight, float more, int move) {
    return (struct masked){
        {.count = rig->windows.source.count, .read = read_masked, .place = rig->windows.source.place},
        &rig->windows.source,
        weight,
        more,
        move};
}

/* Without fast steps q is the prior whatever the weights are, so the whole derivative of the loss is the gradient. */
static void check_objective(int objective, int samples, bool weighted, double dropout) {
    struct ltm_config c = tiny();
    struct rig rig;
    c.fast.steps = 0;
    c.run.threads = 1;
    c.slow.objective = objective;
    c.slow.samples = samples;
    c.model.dropout = dropout;
    open_rig(&rig, &c);
    const struct masked masked = mask(&rig, 0.5f, 0.25f, 0);
    if (weighted) rig.trainer.source = &masked.source;
    gradient_of(&rig);
    float *gradient = test_zeros(rig.decoder->plan.table.size);
    copy_gradient(gradient, &rig.trainer);
    /* Each tensor by itself: a large gradient would hide a small one. Where it is very small, as those of self-attention's wq and
     * wk are here, only a longer step stands out from the rounding of the loss. */
    for (int i = 0; i < rig.decoder->plan.table.count; i++) {
        const struct weight *w = &rig.decoder->plan.table.weights[i];
        const size_t count = weight_size(w);
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
    for (int weighted = 0; weighted <= 1; weighted++) {
        check_objective(LTM_OBJECTIVE_ELBO, 1, weighted, 0);
        check_objective(LTM_OBJECTIVE_ELBO, 3, weighted, 0);
        check_objective(LTM_OBJECTIVE_IWAE, 4, weighted, 0);
        check_objective(LTM_OBJECTIVE_IWAE, 2, weighted, 0.25);
    }
}

static bool reads_latents(const struct weight *w) { return strstr(w->name, "cross_attention"); }

/* What reads latents is passed over: it has no gradient and no say, and the rest has the gradient of the loss without it. */
static void test_before_latents_begin_the_plain_decoder_is_trained(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    struct rig rig;
    c.latent_start = 1;
    open_rig(&rig, &c);
    const struct weight_table *table = &rig.decoder->plan.table;
    const struct slow_step done = gradient_of(&rig);
    assert_true(done.kl == 0 && done.diverged == 0);
    float *gradient = test_zeros(table->size);
    copy_gradient(gradient, &rig.trainer);
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        float *values = rig.decoder->weights + w->offset;
        for (size_t j = 0; reads_latents(w) && j < weight_size(w); j++) {
            assert_true(gradient[w->offset + j] == 0);
            values[j] += 1;
        }
        if (strcmp(w->name, "layers.0.feed_forward.w2.weight") == 0 ||
            strcmp(w->name, "layers.1.attention.wv.weight") == 0)
            check_gradient(w->name, values, gradient + w->offset, weight_size(w), 6e-3f, loss, &rig);
    }
    assert_true(gradient_of(&rig).loss == done.loss);
    rig.trainer.config.latent_start = 0;
    assert_true(gradient_of(&rig).loss != done.loss);
    free(gradient);
    close_rig(&rig);
}

/* Scores and gradient, to the bit, of a slow step with its fast loop, from this source in place of the windows. */
static struct slow_step step_from(struct rig *rig, const struct masked *masked, float *gradient,
                                  struct sequence_score *scores) {
    rig->trainer.source = &masked->source;
    const struct slow_step done = gradient_of(rig);
    copy_gradient(gradient, &rig->trainer);
    memcpy(scores, rig->trainer.scores, BATCH * sizeof *scores);
    return done;
}

static void test_masked_targets_change_no_bit(void **state) {
    (void)state;
    for (int objective = LTM_OBJECTIVE_ELBO; objective <= LTM_OBJECTIVE_IWAE; objective++) {
        struct ltm_config c = tiny();
        struct rig rig;
        float *gradient[2] = {test_zeros(1 << 14), test_zeros(1 << 14)};
        struct sequence_score scores[2][BATCH];
        struct slow_step done[2];
        c.slow.objective = objective;
        c.slow.samples = 2;
        open_rig(&rig, &c);
        for (int i = 0; i < 2; i++) {
            const struct masked masked = mask(&rig, 1, 0.5f, i);
            done[i] = step_from(&rig, &masked, gradient[i], scores[i]);
        }
        assert_memory_equal(gradient[0], gradient[1], sizeof(float) << 14);
        assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
        assert_true(done[0].loss == done[1].loss && done[0].grad_norm > 0);
        assert_true(scores[0][BATCH - 1].recon == 0 && scores[0][BATCH - 1].kl == 0); /* nothing counts: the prior */
        close_rig(&rig);
        free(gradient[0]), free(gradient[1]);
    }
}

static void test_weights_of_one_change_no_bit(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    struct rig rig;
    float *gradient[2] = {test_zeros(1 << 14), test_zeros(1 << 14)};
    struct sequence_score scores[BATCH];
    open_rig(&rig, &c);
    const struct slow_step plain = gradient_of(&rig);
    copy_gradient(gradient[0], &rig.trainer);
    const struct masked ones = mask(&rig, 1, 0, -1);
    const struct slow_step weighted = step_from(&rig, &ones, gradient[1], scores);
    assert_memory_equal(gradient[0], gradient[1], sizeof(float) << 14);
    assert_true(plain.loss == weighted.loss && plain.kl == weighted.kl);
    close_rig(&rig);
    free(gradient[0]), free(gradient[1]);
}

static void test_a_batch_of_which_nothing_counts_is_refused(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    struct rig rig;
    struct slow_step done;
    struct ltm_error error;
    open_rig(&rig, &c);
    const struct masked nothing = mask(&rig, 0, 0, 0);
    rig.trainer.source = &nothing.source;
    assert_int_equal(trainer_gradient(&rig.trainer, &done, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "no token of the 3 sequences from sequence 0 on has a weight"));
    close_rig(&rig);
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
    rig.trainer.optimiser.count = 4;
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
    const size_t n = rig.decoder->plan.table.size;
    float *before = test_zeros(n);
    memcpy(before, rig.decoder->weights, n * sizeof *before);
    assert_int_equal(trainer_step(&rig.trainer, &done, NULL), LTM_OK);
    for (int i = 0; i < rig.decoder->plan.table.count; i++) {
        const struct weight *w = &rig.decoder->plan.table.weights[i];
        const double expected = strstr(w->name, "cross_attention") ? 0.25 * done.lr : done.lr;
        double most = 0;
        for (size_t j = w->offset; j < w->offset + (size_t)w->rows * (size_t)w->columns; j++)
            most = fmax(most, fabs((double)rig.decoder->weights[j] - before[j]));
        assert_true(fabs(most - expected) < 0.02 * expected);
    }
    free(before);
    close_rig(&rig);
}

/* Against its closed form: Σ of the weights after each update, by what later decays leave of them. */
static void test_the_average_is_its_closed_form(void **state) {
    (void)state;
    enum { UPDATES = 6 };
    struct ltm_config c = tiny();
    struct rig rig;
    struct slow_step done;
    c.slow.ema = 0.3; /* reached at the third update: 2/11, 3/12, 4/13 */
    open_rig(&rig, &c);
    const size_t n = rig.decoder->plan.table.size;
    double *sum = calloc(n, sizeof *sum);
    memcpy(rig.trainer.optimiser.average, rig.decoder->weights, n * sizeof(float));
    const double decays[UPDATES] = {2.0 / 11, 3.0 / 12, 0.3, 0.3, 0.3, 0.3};
    for (int u = 0; u <= UPDATES; u++) {
        double left = u ? 1 - decays[u - 1] : 1;
        for (int later = u; later < UPDATES; later++) left *= decays[later];
        if (u) assert_int_equal(trainer_step(&rig.trainer, &done, NULL), LTM_OK);
        for (size_t i = 0; i < n; i++) sum[i] += left * (double)rig.decoder->weights[i];
    }
    for (size_t i = 0; i < n; i++) assert_true(fabs((double)rig.trainer.optimiser.average[i] - sum[i]) < 1e-6);
    free(sum);
    close_rig(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_latents_begin_the_plain_decoder_is_trained),
        cmocka_unit_test(test_the_gradient_is_the_derivative_of_the_loss),
        cmocka_unit_test(test_masked_targets_change_no_bit),
        cmocka_unit_test(test_weights_of_one_change_no_bit),
        cmocka_unit_test(test_a_batch_of_which_nothing_counts_is_refused),
        cmocka_unit_test(test_iwae_lies_below_the_draws_mean),
        cmocka_unit_test(test_kl_warmup),
        cmocka_unit_test(test_any_number_of_threads),
        cmocka_unit_test(test_the_average_is_its_closed_form),
        cmocka_unit_test(test_latent_lr_slows_the_cross_attention_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
