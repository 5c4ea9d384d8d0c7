/* The fast loop where its answer is known, and where its noise comes from. */
#include <math.h>

#include "support/unit.h"

#include "latent/fast_loop.h"
#include "latent/score.h"
#include "math/bf16.h"
#include "model/decoder.h"

enum { LENGTH = 20, SEQUENCES = 2, TOKENS = SEQUENCES * LENGTH };

static const struct ltm_model_config shape = {.dim = 16,
                                              .layers = 2,
                                              .heads = 2,
                                              .kv_heads = 2,
                                              .ffn_multiple = 8,
                                              .sequence = LENGTH,
                                              .window = 6,
                                              .vocab = 31,
                                              .latents = 4};
static const uint32_t numbers[SEQUENCES] = {0, 1};

struct setting {
    struct decoder *decoder;
    struct decoder_pass *pass;
    struct fast_loop loop;
    int32_t tokens[TOKENS], targets[TOKENS];
};

static struct setting set_up_in(const struct ltm_model_config *config, bool in_bf16) {
    struct setting s = {0};
    assert_int_equal(decoder_create(&s.decoder, config, NULL), LTM_OK);
    weights_initialise(s.decoder->weights, &s.decoder->plan.table, 1, 3);
    for (size_t i = 0; i < s.decoder->plan.table.size; i++) s.decoder->weights[i] *= 5; /* so that z matters */
    if (in_bf16) assert_int_equal(decoder_use_bf16(s.decoder, NULL), LTM_OK);
    assert_int_equal(decoder_pack(s.decoder, 1, NULL), LTM_OK);
    assert_int_equal(decoder_pass_create(&s.pass, s.decoder, SEQUENCES, LENGTH, false, NULL), LTM_OK);
    assert_int_equal(fast_loop_create(&s.loop, s.decoder, NULL, SEQUENCES, LENGTH, NULL), LTM_OK);
    for (int i = 0; i < TOKENS; i++) {
        s.tokens[i] = (i * 13 + 2) % config->vocab;
        s.targets[i] = (i * 7 + 5) % config->vocab;
    }
    return s;
}

static struct setting set_up(const struct ltm_model_config *config) { return set_up_in(config, false); }

static void tear_down(struct setting *s) {
    fast_loop_free(&s->loop);
    decoder_pass_free(s->pass);
    decoder_free(s->decoder);
}

/* Copy every weight that the plain decoder has too. */
static void share_weights(struct decoder *plain, const struct decoder *with) {
    for (int i = 0; i < plain->plan.table.count; i++) {
        const struct weight *to = &plain->plan.table.weights[i];
        const struct weight *from = weights_find(&with->plan.table, to->name);
        assert_non_null(from);
        memcpy(plain->weights + to->offset, with->weights + from->offset,
               sizeof(float) * (size_t)to->rows * (size_t)to->columns);
    }
}

static void a_decoder_deaf_to_z_sends_the_fit_back_to_the_prior(void **state) {
    (void)state;
    struct setting s = set_up(&shape);
    for (int i = 0; i < s.decoder->plan.table.count; i++) {
        const struct weight *w = &s.decoder->plan.table.weights[i];
        if (w->init_latent) memset(s.decoder->weights + w->offset, 0, sizeof(float) * weight_size(w));
    }
    struct ltm_model_config without = shape;
    without.latents = 0;
    struct setting plain = set_up(&without);
    share_weights(plain.decoder, s.decoder);

    const struct ltm_fast_config fast = {
        .steps = 400, .lr = 0.05, .schedule = LTM_SCHEDULE_COSINE, .init_mu = 0.5, .init_logvar = -3};
    const struct noise_source noise = {{.seed = 1, .purpose = RANDOM_FAST_NOISE}, numbers};
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    fast_loop_start(&s.loop, &fast, SEQUENCES);
    const double before = fast_loop_kl(&s.loop, 0);
    fast_loop_run(&s.loop, s.pass, &fast, &noise, SEQUENCES, LENGTH, NULL);
    assert_true(before > 50);
    for (int g = 0; g < SEQUENCES; g++) assert_true(fast_loop_kl(&s.loop, g) < 1e-3);

    /* Under any z, -log p(x|z) is exactly -log p(x): that of the decoder without cross-attention. */
    fast_loop_draw(&s.loop, &noise, SEQUENCES, 99);
    posterior_sample(s.loop.z, s.loop.mu, s.loop.logvar, s.loop.noise, SEQUENCES * s.loop.latents);
    decoder_score(s.pass, s.loop.z, s.loop.nll);
    decoder_begin(plain.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_score(plain.pass, NULL, plain.loop.nll);
    assert_memory_equal(s.loop.nll, plain.loop.nll, sizeof(float) * TOKENS);
    tear_down(&s);
    tear_down(&plain);
}

static double fit(struct setting *s, int method, int steps, int noise_kind) {
    const struct ltm_fast_config fast = {
        .method = method, .steps = steps, .lr = 0.1, .curvature_rate = 0.3, .noise = noise_kind};
    const struct noise_source noise = {{.seed = 1, .purpose = RANDOM_FAST_NOISE}, numbers};
    const struct noise_source fresh = {{.seed = 1, .purpose = RANDOM_SCORE_NOISE}, numbers};
    decoder_begin(s->pass, s->tokens, s->targets, SEQUENCES, LENGTH);
    fast_loop_start(&s->loop, &fast, SEQUENCES);
    fast_loop_run(&s->loop, s->pass, &fast, &noise, SEQUENCES, LENGTH, NULL);
    double bound = fast_loop_kl(&s->loop, 0) + fast_loop_kl(&s->loop, 1);
    for (int sample = 0; sample < 32; sample++) {
        fast_loop_draw(&s->loop, &fresh, SEQUENCES, sample);
        posterior_sample(s->loop.z, s->loop.mu, s->loop.logvar, s->loop.noise, SEQUENCES * s->loop.latents);
        decoder_score(s->pass, s->loop.z, s->loop.nll);
        for (int t = 0; t < TOKENS; t++) bound += (double)s->loop.nll[t] / 32;
    }
    return bound;
}

static void fast_steps_bring_the_bound_down(void **state) {
    (void)state;
    struct setting s = set_up(&shape);
    static const int steps[] = {[LTM_FAST_ADAM] = 64, [LTM_FAST_NATURAL] = 64, [LTM_FAST_LANGEVIN] = 64};
    const double prior = fit(&s, LTM_FAST_ADAM, 0, LTM_NOISE_FRESH);
    for (int method = LTM_FAST_ADAM; method <= LTM_FAST_LANGEVIN; method++) {
        const double fitted = fit(&s, method, steps[method], LTM_NOISE_FRESH);
        /* The Gaussian of a chain's moments need not be a good one where the posterior is far from Gaussian, as here. */
        if (!(fitted < prior - 1) && method != LTM_FAST_LANGEVIN)
            fail_msg("bound %.2f with the prior, %.2f after %d steps of method %d", prior, fitted, steps[method],
                     method);
        assert_true(fit(&s, method, 0, LTM_NOISE_FRESH) == prior);
        assert_true(fit(&s, method, steps[method], LTM_NOISE_FRESH) == fitted);
    }
    tear_down(&s);
}

/* What of a group's first sequence is poisoned, after fast_loop_start, and by what; its neighbour must not notice. */
enum poison { NOTHING, MEAN, LOGVAR, NOISE };

static void run_poisoned(struct setting *s, int method, enum poison poison, float value) {
    const struct ltm_fast_config fast = {
        .method = method, .steps = 6, .lr = 0.1, .curvature_rate = 0.1, .trust = 1, .weight_decay = 0.01};
    decoder_begin(s->pass, s->tokens, s->targets, SEQUENCES, LENGTH);
    fast_loop_start(&s->loop, &fast, SEQUENCES);
    random_normal(s->loop.noise, SEQUENCES * s->loop.latents, (struct random_key){.seed = 8});
    float *const at[] = {NULL, s->loop.mu, s->loop.logvar, s->loop.noise};
    if (poison != NOTHING) at[poison][5] = value;
    fast_loop_run(&s->loop, s->pass, &fast, NULL, SEQUENCES, LENGTH, NULL); /* NULL: with that noise */
}

/* The gradient of every weight that a slow step takes from the group's second sequence alone, at its posterior's mean. */
static void gradient_of_second(struct setting *s, float *gradient) {
    struct decoder_pass *pass;
    assert_int_equal(decoder_pass_create(&pass, s->decoder, 1, LENGTH, true, NULL), LTM_OK);
    decoder_begin(pass, s->tokens + LENGTH, s->targets + LENGTH, 1, LENGTH);
    memset(gradient, 0, sizeof *gradient * s->decoder->plan.table.size);
    decoder_weight_gradient(pass, s->loop.mu + s->loop.latents, NULL, s->loop.nll, gradient);
    decoder_pass_free(pass);
}

static void check_isolation(bool in_bf16) {
    static const struct {
        enum poison poison;
        float value;
    } poisons[] = {{MEAN, NAN},        {MEAN, INFINITY},   {MEAN, 1e38f}, {LOGVAR, NAN},
                   {LOGVAR, INFINITY}, {NOISE, -INFINITY}, {NOISE, NAN}};
    struct setting s = set_up_in(&shape, in_bf16);
    const size_t n = s.loop.latents;
    const size_t weights = s.decoder->plan.table.size;
    float *mu = malloc(n * sizeof *mu);
    float *logvar = malloc(n * sizeof *mu);
    float *healthy = malloc(weights * sizeof *healthy);
    float *beside = malloc(weights * sizeof *beside);
    for (int method = LTM_FAST_ADAM; method <= LTM_FAST_LANGEVIN; method++) {
        run_poisoned(&s, method, NOTHING, 0);
        assert_true(!s.loop.diverged[0] && !s.loop.diverged[1]);
        memcpy(mu, s.loop.mu + n, n * sizeof *mu);
        memcpy(logvar, s.loop.logvar + n, n * sizeof *logvar);
        gradient_of_second(&s, healthy);
        for (size_t p = 0; p < sizeof poisons / sizeof *poisons; p++) {
            run_poisoned(&s, method, poisons[p].poison, poisons[p].value);
            if (!s.loop.diverged[0] || s.loop.diverged[1])
                fail_msg("method %d, poison %zu: diverged %d and %d", method, p, s.loop.diverged[0],
                         s.loop.diverged[1]);
            for (size_t i = 0; i < n; i++) assert_true(s.loop.mu[i] == 0 && s.loop.logvar[i] == 0);
            assert_memory_equal(mu, s.loop.mu + n, n * sizeof *mu);
            assert_memory_equal(logvar, s.loop.logvar + n, n * sizeof *logvar);
            gradient_of_second(&s, beside);
            assert_memory_equal(healthy, beside, weights * sizeof *healthy);
        }
    }
    free(mu), free(logvar), free(healthy), free(beside);
    tear_down(&s);
}

static void a_fit_that_diverges_becomes_the_prior_and_spoils_no_other(void **state) {
    (void)state;
    check_isolation(false);
    if (!bf16_missing()) check_isolation(true);
}

/* A rate above 2 multiplies what a chain holds at every step: finite after a few, and of no use. */
static void a_fit_that_is_far_worse_than_none_has_diverged(void **state) {
    (void)state;
    struct setting s = set_up(&shape);
    const struct noise_source source = {{.seed = 1, .purpose = RANDOM_FAST_NOISE}, numbers};
    for (int steps = 0; steps <= 64; steps += 8) {
        const struct ltm_fast_config fast = {.method = LTM_FAST_LANGEVIN, .steps = steps, .lr = 30};
        decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
        fast_loop_start(&s.loop, &fast, SEQUENCES);
        fast_loop_run(&s.loop, s.pass, &fast, &source, SEQUENCES, LENGTH, NULL);
        for (int g = 0; g < SEQUENCES; g++) {
            assert_int_equal(s.loop.diverged[g], steps > 0);
            assert_true(fast_loop_kl(&s.loop, g) == 0);
        }
    }
    tear_down(&s);
}

static void each_fast_step_has_noise_of_its_own_unless_fixed(void **state) {
    (void)state;
    struct setting s = set_up(&shape);
    const size_t bytes = sizeof(float) * SEQUENCES * s.loop.latents;
    float *noise = malloc(bytes);
    const struct noise_source source = {{.seed = 1, .purpose = RANDOM_FAST_NOISE}, numbers};
    fast_loop_draw(&s.loop, &source, SEQUENCES, 0);
    memcpy(noise, s.loop.noise, bytes);
    assert_memory_not_equal(noise, noise + s.loop.latents, bytes / 2); /* nor do two sequences share it */
    fit(&s, LTM_FAST_ADAM, 2, LTM_NOISE_FIXED);
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    for (int kind = 0; kind < 2; kind++) {
        const struct ltm_fast_config fast = {.steps = 2, .lr = 0.1, .noise = kind ? LTM_NOISE_FIXED : LTM_NOISE_FRESH};
        fast_loop_start(&s.loop, &fast, SEQUENCES);
        fast_loop_run(&s.loop, s.pass, &fast, &source, SEQUENCES, LENGTH, NULL);
        assert_int_equal(memcmp(noise, s.loop.noise, bytes) == 0, kind);
    }
    free(noise);
    tear_down(&s);
}

static void rate_falls_by_cosine_to_a_tenth(void **state) {
    (void)state;
    struct ltm_fast_config fast = {.steps = 10, .lr = 0.4, .schedule = LTM_SCHEDULE_COSINE};
    assert_true(fabs(fast_rate(&fast, 0) - 0.4) < 1e-12);
    assert_true(fabs(fast_rate(&fast, 5) - 0.22) < 1e-12);
    assert_true(fabs(fast_rate(&fast, 10) - 0.04) < 1e-12);
    fast.schedule = LTM_SCHEDULE_CONSTANT;
    assert_true(fast_rate(&fast, 7) == 0.4);
}

static void summary_is_mean_and_standard_error(void **state) {
    (void)state;
    const struct sequence_score scores[3] = {
        {.recon = 10, .kl = 2, .tokens = 2}, {.recon = 20, .kl = 4, .tokens = 2}, {.recon = 30, .kl = 6, .tokens = 2}};
    const struct score_summary s = score_summarise(scores, 3);
    assert_true(fabs(s.recon - 10) < 1e-12 && fabs(s.kl - 2) < 1e-12 && fabs(s.bound - 12) < 1e-12);
    assert_true(fabs(s.bound_error - 12 / sqrt(3) / 2) < 1e-9);
    assert_true(isnan(score_summarise(scores, 1).bound_error));
}

/* Of sequences of 2 and 6 tokens: Σ values / Σ tokens, and the error of that ratio. */
static void summary_counts_tokens(void **state) {
    (void)state;
    const struct sequence_score scores[2] = {{.recon = 10, .tokens = 2}, {.recon = 22, .tokens = 6}};
    const struct score_summary s = score_summarise(scores, 2);
    assert_true(fabs(s.recon - 4) < 1e-12);
    assert_true(fabs(s.recon_error - 2.0 / 4) <
                1e-9); /* residuals 2 and -2 of 4 tokens on average: sqrt(8 / 1 / 2) / 4 */
}

static void memory_is_for_the_method_in_use(void **state) {
    (void)state;
    struct setting s = set_up(&shape);
    const size_t array = SEQUENCES * s.loop.latents * sizeof(float);
    const size_t any = fast_loop_bytes(&s.decoder->plan.config, NULL, SEQUENCES, LENGTH);
    for (int method = LTM_FAST_ADAM; method <= LTM_FAST_LANGEVIN; method++) {
        const struct ltm_fast_config fast = {.method = method};
        const int arrays = fast_method_of(&fast)->arrays;
        struct fast_loop loop;
        assert_true(arrays <= fast_method_arrays(NULL) && fast_method_arrays(NULL) <= FAST_METHOD_ARRAYS);
        assert_int_equal(any - fast_loop_bytes(&s.decoder->plan.config, &fast, SEQUENCES, LENGTH),
                         (size_t)(fast_method_arrays(NULL) - arrays) * array);
        assert_int_equal(fast_loop_create(&loop, s.decoder, &fast, SEQUENCES, LENGTH, NULL), LTM_OK);
        for (int k = 0; k < FAST_METHOD_ARRAYS; k++) assert_int_equal(loop.kept[k] != NULL, k < arrays);
        fast_loop_free(&loop);
    }
    tear_down(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decoder_deaf_to_z_sends_the_fit_back_to_the_prior),
        cmocka_unit_test(fast_steps_bring_the_bound_down),
        cmocka_unit_test(a_fit_that_diverges_becomes_the_prior_and_spoils_no_other),
        cmocka_unit_test(a_fit_that_is_far_worse_than_none_has_diverged),
        cmocka_unit_test(each_fast_step_has_noise_of_its_own_unless_fixed),
        cmocka_unit_test(rate_falls_by_cosine_to_a_tenth),
        cmocka_unit_test(summary_is_mean_and_standard_error),
        cmocka_unit_test(summary_counts_tokens),
        cmocka_unit_test(memory_is_for_the_method_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
