/* The whole decoder and fast loop against numbers that an independent program computed in float64 (tests/reference). */
#include <math.h>
#include <stdlib.h>

#include "support/unit.h"

#include "base/safetensors.h"
#include "latent/fast_loop.h"
#include "model/decoder.h"
#include "model/model_file.h"
#include "stages/model_shape.h"

/* Largest difference over the largest expected value.
 *
 * fp32: a sum of a thousand products is off by some 1e-6 of its largest term; through a few layers, 1e-5.
 *
 * bf16: rounding an operand of a product with weights puts it off by up to 2^-9 of itself, a third of that on average, so a
 * sum of such products is off by about 0.1 % of its own size. A logit has some 15 of them behind it, one after the other,
 * which makes 0.4 %; the largest of hundreds of errors is a few times that, the largest value a few times a typical one:
 * about 0.5 % of it (measured: 0.50 %). The gradient to z comes back through as many again, and through softmaxes that have
 * moved (1.4 %); a weight's gradient sums tokens of either sign and is small beside what it sums (3.8 %). Sums of all tokens
 * average such errors out (0.18 %). Twice that passes; a product that is wrong is off by 100 %. The fast loop's Adam turns an
 * entry whose gradient is rounding into a step of full length, so its end is compared by its ELBO alone. */
struct precision {
    bool in_bf16;
    double nll, gradient, weight_gradient, fit, sum;
};
static const struct precision fp32 = {false, 5e-5, 5e-5, 5e-5, 5e-5, 5e-5};
static const struct precision in_bf16 = {true, 1e-2, 3e-2, 8e-2, 0, 4e-3};

struct reference {
    struct safetensors *file;
    struct decoder *decoder;
    int batch, length;
    size_t latents; /* N_z d */
    const struct precision *precision;
};

static int number(const struct safetensors *file, const char *key) {
    const char *text = safetensors_metadata(file, key);
    assert_non_null(text);
    return atoi(text);
}

static const void *data(const struct reference *r, const char *name) {
    const struct safetensors_tensor *tensor = safetensors_find(r->file, name);
    if (!tensor) fail_msg("the reference lacks %s", name);
    return tensor->data;
}

static struct reference open_reference(const char *name, bool with_latents, const struct precision *precision) {
    struct reference r = {.precision = precision};
    struct ltm_error error = {0};
    char path[256];
    snprintf(path, sizeof path, "tests/reference/%s.safetensors", name);
    if (safetensors_open(&r.file, path, &error) != LTM_OK) fail_msg("%s", error.message);
    const struct ltm_model_config config = {.dim = number(r.file, "dim"),
                                            .layers = number(r.file, "n_layers"),
                                            .heads = number(r.file, "n_heads"),
                                            .kv_heads = number(r.file, "n_kv_heads"),
                                            .ffn_multiple = 32,
                                            .sequence = number(r.file, "max_seq_len"),
                                            .window = number(r.file, "window_size"),
                                            .vocab = number(r.file, "vocab_size"),
                                            .latents = with_latents ? number(r.file, "n_latents") : 0};
    assert_int_equal(model_ffn_width(&config), number(r.file, "hidden_dim"));
    assert_int_equal(decoder_create(&r.decoder, &config, &error), LTM_OK);
    if (weights_read(r.decoder->weights, &r.decoder->plan.table, "", r.file, &error) != LTM_OK)
        fail_msg("%s", error.message);
    if (precision->in_bf16 &&
        (decoder_use_bf16(r.decoder, &error) != LTM_OK || decoder_pack(r.decoder, 2, &error) != LTM_OK))
        fail_msg("%s", error.message);
    r.batch = number(r.file, "batch");
    r.length = number(r.file, "seq_len");
    r.latents = (size_t)config.latents * (size_t)config.dim;
    return r;
}

static void close_reference(struct reference *r) {
    decoder_free(r->decoder);
    safetensors_close(r->file);
}

static void near(const char *what, double tolerance, const float *got, const double *expected, size_t n) {
    double most = 0;
    double off = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(got[i])) fail_msg("%s: entry %zu is not finite", what, i);
        most = fmax(most, fabs(expected[i]));
        off = fmax(off, fabs(got[i] - expected[i]));
    }
    if (!(off <= tolerance * most)) fail_msg("%s: off by %.3g of its largest value %.3g", what, off / most, most);
}

static void check_nll_and_kl(const char *name, const struct precision *precision) {
    struct reference r = open_reference(name, true, precision);
    const size_t tokens = (size_t)r.batch * (size_t)r.length;
    const size_t n = (size_t)r.batch * r.latents;
    struct decoder_pass *pass;
    struct fast_loop loop;
    assert_int_equal(decoder_pass_create(&pass, r.decoder, r.batch, r.length, false, NULL), LTM_OK);
    assert_int_equal(fast_loop_create(&loop, r.decoder, NULL, r.batch, r.length, NULL), LTM_OK);
    posterior_sample(loop.z, data(&r, "mu0"), data(&r, "logvar0"), data(&r, "noise"), n);
    decoder_begin(pass, data(&r, "tokens"), data(&r, "targets"), r.batch, r.length);
    decoder_score(pass, loop.z, loop.nll);
    near("nll_per_token", r.precision->nll, loop.nll, data(&r, "expect.nll_per_token"), tokens);
    const double *kl = data(&r, "expect.kl");
    for (int g = 0; g < r.batch; g++) {
        const size_t at = (size_t)g * r.latents;
        const double got =
            posterior_kl((const float *)data(&r, "mu0") + at, (const float *)data(&r, "logvar0") + at, r.latents);
        assert_true(fabs(got - kl[g]) <= 1e-6 * fabs(kl[g]));
    }
    decoder_pass_free(pass);
    fast_loop_free(&loop);
    close_reference(&r);
}

/* The gradient of the negative ELBO at the start: what one step of plain descent at rate 1 would take off. */
static void check_gradients_to_posterior(const char *name, const struct precision *precision) {
    struct reference r = open_reference(name, true, precision);
    const size_t n = (size_t)r.batch * r.latents;
    const float *mu = data(&r, "mu0");
    const float *logvar = data(&r, "logvar0");
    const float *noise = data(&r, "noise");
    struct decoder_pass *pass;
    struct fast_loop loop;
    assert_int_equal(decoder_pass_create(&pass, r.decoder, r.batch, r.length, false, NULL), LTM_OK);
    assert_int_equal(fast_loop_create(&loop, r.decoder, NULL, r.batch, r.length, NULL), LTM_OK);
    posterior_sample(loop.z, mu, logvar, noise, n);
    decoder_begin(pass, data(&r, "tokens"), data(&r, "targets"), r.batch, r.length);
    decoder_latent_gradient(pass, loop.z, NULL, loop.nll, loop.dz);
    for (size_t i = 0; i < n; i++) {
        const float sigma = expf(0.5f * logvar[i]);
        loop.mu[i] = loop.dz[i] + mu[i];
        loop.logvar[i] = 0.5f * (loop.dz[i] * noise[i] * sigma + sigma * sigma - 1.0f);
    }
    near("grad_mu0", r.precision->gradient, loop.mu, data(&r, "expect.grad_mu0"), n);
    near("grad_logvar0", r.precision->gradient, loop.logvar, data(&r, "expect.grad_logvar0"), n);
    decoder_pass_free(pass);
    fast_loop_free(&loop);
    close_reference(&r);
}

static void check_fit_and_slow_step(const char *name, const struct precision *precision) {
    struct reference r = open_reference(name, true, precision);
    const size_t tokens = (size_t)r.batch * (size_t)r.length;
    const size_t n = (size_t)r.batch * r.latents;
    const struct ltm_fast_config fast = {.steps = number(r.file, "fast_steps"),
                                         .lr = atof(safetensors_metadata(r.file, "fast_lr")),
                                         .schedule = LTM_SCHEDULE_COSINE,
                                         .noise = LTM_NOISE_FIXED,
                                         .weight_decay = atof(safetensors_metadata(r.file, "fast_weight_decay"))};
    struct decoder_pass *pass;
    struct fast_loop loop;
    double trace[64];
    assert_int_equal(decoder_pass_create(&pass, r.decoder, r.batch, r.length, true, NULL), LTM_OK);
    assert_int_equal(fast_loop_create(&loop, r.decoder, NULL, r.batch, r.length, NULL), LTM_OK);
    fast_loop_start(&loop, &fast, r.batch);
    memcpy(loop.mu, data(&r, "mu0"), n * sizeof(float));
    memcpy(loop.logvar, data(&r, "logvar0"), n * sizeof(float));
    memcpy(loop.noise, data(&r, "noise"), n * sizeof(float));
    decoder_begin(pass, data(&r, "tokens"), data(&r, "targets"), r.batch, r.length);
    fast_loop_run(&loop, pass, &fast, NULL, r.batch, r.length, trace);
    const double *mu = data(&r, "expect.fit.mu");
    const double *logvar = data(&r, "expect.fit.logvar");
    if (!precision->in_bf16) near("fit.mu", precision->fit, loop.mu, mu, n);
    if (!precision->in_bf16) near("fit.logvar", precision->fit, loop.logvar, logvar, n);
    for (size_t i = 0; i < n; i++) loop.mu[i] = (float)mu[i], loop.logvar[i] = (float)logvar[i];
    const double *expected = data(&r, "expect.fit.neg_elbo_trace");
    for (int i = 0; i < fast.steps * r.batch; i++)
        assert_true(fabs(trace[i] - expected[i]) <= r.precision->sum * fabs(expected[i]));

    float *gradient = calloc(r.decoder->plan.table.size, sizeof *gradient);
    assert_non_null(gradient);
    posterior_sample(loop.z, loop.mu, loop.logvar, loop.noise, n);
    float *weights = calloc(tokens, sizeof *weights);
    assert_non_null(weights);
    for (size_t i = 0; i < tokens; i++) weights[i] = 1.0f / (float)tokens;
    decoder_weight_gradient(pass, loop.z, weights, loop.nll, gradient);
    free(weights);
    double loss = 0;
    for (size_t i = 0; i < tokens; i++) loss += (double)loop.nll[i] / (double)tokens;
    assert_true(fabs(loss - *(const double *)data(&r, "expect.slow.loss")) <= r.precision->sum * loss);
    for (int i = 0; i < r.decoder->plan.table.count; i++) {
        const struct weight *w = &r.decoder->plan.table.weights[i];
        char tensor[96];
        snprintf(tensor, sizeof tensor, "expect.slow.grad.%s", w->name);
        near(tensor, r.precision->weight_gradient, gradient + w->offset, data(&r, tensor),
             (size_t)w->rows * (size_t)w->columns);
    }
    free(gradient);
    decoder_pass_free(pass);
    fast_loop_free(&loop);
    close_reference(&r);
}

static void check_no_latents(const char *name, const struct precision *precision) {
    struct reference r = open_reference(name, false, precision);
    const size_t tokens = (size_t)r.batch * (size_t)r.length;
    struct decoder_pass *pass;
    float *nll = calloc(tokens, sizeof *nll);
    assert_int_equal(decoder_pass_create(&pass, r.decoder, r.batch, r.length, false, NULL), LTM_OK);
    decoder_begin(pass, data(&r, "tokens"), data(&r, "targets"), r.batch, r.length);
    decoder_score(pass, NULL, nll);
    near("no_latents.nll_per_token", r.precision->nll, nll, data(&r, "expect.no_latents.nll_per_token"), tokens);
    free(nll);
    decoder_pass_free(pass);
    close_reference(&r);
}

static void nll_and_kl_are_the_reference(void **state) {
    (void)state;
    check_nll_and_kl("tiny", &fp32);
    check_nll_and_kl("grouped", &fp32);
}

static void gradients_to_mu_and_logvar_are_the_reference(void **state) {
    (void)state;
    check_gradients_to_posterior("tiny", &fp32);
    check_gradients_to_posterior("grouped", &fp32);
}

static void fast_loop_and_weight_gradients_are_the_reference(void **state) {
    (void)state;
    check_fit_and_slow_step("tiny", &fp32);
    check_fit_and_slow_step("grouped", &fp32);
}

static void without_latents_is_the_reference(void **state) {
    (void)state;
    check_no_latents("tiny", &fp32);
    check_no_latents("grouped", &fp32);
}

static void in_bf16_all_is_the_reference_at_bf16s_rounding(void **state) {
    (void)state;
    if (bf16_missing()) {
        print_message("skipped: %s\n", bf16_missing());
        skip();
    }
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "grouped" : "tiny";
        check_nll_and_kl(name, &in_bf16);
        check_gradients_to_posterior(name, &in_bf16);
        check_fit_and_slow_step(name, &in_bf16);
        check_no_latents(name, &in_bf16);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nll_and_kl_are_the_reference),
        cmocka_unit_test(gradients_to_mu_and_logvar_are_the_reference),
        cmocka_unit_test(fast_loop_and_weight_gradients_are_the_reference),
        cmocka_unit_test(without_latents_is_the_reference),
        cmocka_unit_test(in_bf16_all_is_the_reference_at_bf16s_rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
