/* The steps of each method on a posterior that is known: -log p(x|z) = ½ a (z - c)² in every entry, so that the posterior is
 * N(a c / (1 + a), 1 / (1 + a)). Thousands of entries share (a, c), so their mean shows an expectation. */
#include <math.h>

#include "support/unit.h"

#include "base/random.h"
#include "latent/fast_method.h"
#include "latent/posterior.h"

enum { N = 8192 };
static const double a = 3, c = 2; /* exact: mean 1.5, variance 0.25 */

static float mu[N], logvar[N], noise[N], z[N], dz[N], kept[4][N];
static struct ltm_fast_config config;
static struct fast_fit fit;

static void start(const struct fast_method *method, float mean, float log_variance) {
    for (int i = 0; i < N; i++) mu[i] = mean, logvar[i] = log_variance;
    memset(kept, 0, sizeof kept);
    config = (struct ltm_fast_config){.curvature_rate = 0.3, .trust = 1};
    fit = (struct fast_fit){&config, N, mu, logvar, z, noise, dz, {kept[0], kept[1], kept[2], kept[3]}, 0, 0};
    assert_true(method->arrays <= 4);
    if (method->start) method->start(&fit);
}

static void draw(int step) { random_normal(noise, N, (struct random_key){.seed = 5, .fast = (uint32_t)step}); }

static void gradient_at_z(double curvature) {
    for (int i = 0; i < N; i++) dz[i] = (float)(curvature * (z[i] - c));
}

/* Mean over entries of x, and its standard error. */
static double mean_of(const float *x, double *error) {
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < N; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * x[i];
    }
    *error = sqrt((squares - sum * sum / N) / N / N);
    return sum / N;
}

/* So many steps, or of a longer fit those from fit.step on. */
static void take(const struct fast_method *method, int steps, double rate, double curvature) {
    fit.rate = rate;
    for (int s = 0; s < steps; s++, fit.step++) {
        draw(s);
        method->place(&fit);
        gradient_at_z(curvature);
        method->step(&fit);
    }
}

static void natural(int steps, double alpha, double rho, double curvature) {
    config.curvature_rate = rho;
    take(&method_natural, steps, alpha, curvature);
}

static void natural_finds_mean_and_curvature(void **state) {
    (void)state;
    double error;
    start(&method_natural, 0, 0);
    natural(200, 0.3, 0.1, a);
    natural(200, 0.02, 0.02, a); /* smaller rates: what noise is left goes */
    const double mean = mean_of(mu, &error);
    if (!(fabs(mean - 1.5) < 4 * error + 1e-3)) fail_msg("mean %.5f ± %.5f, exact 1.5", mean, error);
    const double h = mean_of(kept[0], &error);
    /* E[ε dz/σ] = a + E[ε a (μ - c)/σ] = a */
    if (!(fabs(h - a) < 5 * error)) fail_msg("curvature %.4f ± %.4f, exact 3", h, error);
    for (int i = 0; i < N; i++) z[i] = expf(logvar[i]);
    /* 1/λ is convex in λ, whose spread of some 0.4 lifts its mean by about 0.25 (0.4/4)² = 1%. */
    const double variance = mean_of(z, &error);
    if (!(fabs(variance - 0.25) < 0.01)) fail_msg("variance %.4f, exact 0.25", variance);
}

static void natural_without_noise_takes_newtons_step(void **state) {
    (void)state;
    start(&method_natural, 0, (float)-log(1 + a)); /* the exact variance: h = a */
    memset(noise, 0, sizeof noise);
    method_natural.place(&fit);
    gradient_at_z(a);
    config.curvature_rate = config.trust = 0;
    fit.rate = 1;
    method_natural.step(&fit);
    for (int i = 0; i < N; i++) assert_true(fabs(mu[i] - 1.5) < 1e-5 && fabs(logvar[i] + log(1 + a)) < 1e-5);
}

static void natural_has_the_prior_for_its_widest(void **state) {
    (void)state;
    double error;
    start(&method_natural, 0.5f, 0);
    natural(50, 0.1, 0.3, -0.5); /* a likelihood that curves downwards: the posterior is wider than the prior */
    for (int i = 0; i < N; i++) assert_true(logvar[i] <= 0);
    assert_true(mean_of(kept[0], &error) < -0.4);
    start(&method_natural, 0, -2); /* one that says nothing: back to the prior */
    natural(50, 0.3, 0.3, 0);
    assert_true(posterior_kl(mu, logvar, N) < 1e-6 * N);
}

static void natural_moves_no_further_than_its_trust(void **state) {
    (void)state;
    for (int trust = 0; trust <= 2; trust++) {
        start(&method_natural, 0, 0);
        draw(0);
        for (int i = 0; i < N; i++) dz[i] = i % 2 ? 1000 : -1000;
        config.trust = trust;
        fit.rate = 0.3;
        method_natural.step(&fit);
        for (int i = 0; i < N; i++) {
            const double widths = fabs((double)mu[i]) / exp(0.5 * logvar[i]);
            assert_true((mu[i] < 0) == (i % 2 == 1) && (trust ? fabs(widths - trust) < 1e-4 * trust : widths > 2));
        }
    }
}

static void a_gradient_that_is_no_number_is_seen(void **state) {
    (void)state;
    start(&method_natural, 0, 0);
    draw(0);
    for (int i = 0; i < N; i++) dz[i] = NAN;
    fit.rate = 0.3;
    method_natural.step(&fit);
    assert_true(isnan(posterior_kl(mu, logvar, N)));
}

static void langevin_visits_the_posterior(void **state) {
    (void)state;
    enum { STEPS = 1000 };
    const double s = 0.1;
    const double b = 1 + a;
    double error;
    start(&method_langevin, 0, 0);
    config.steps = STEPS;
    take(&method_langevin, STEPS, s, a);
    /* Across entries the chain's last place has the law of the discretised dynamics: variance 2s / (1 - (1 - s b)²). */
    const double own = 2 * s / (1 - (1 - s * b) * (1 - s * b));
    const double mean = mean_of(mu, &error);
    const double variance = error * error * N;
    assert_true(fabs(mean - 1.5) < 4 * error);
    if (!(fabs(variance / own - 1) < 0.06)) fail_msg("variance %.4f, exact %.4f", variance, own);
    method_langevin.finish(&fit);
    const double centre = mean_of(mu, &error);
    assert_true(fabs(centre - 1.5) < 4 * error);
    for (int i = 0; i < N; i++) z[i] = expf(logvar[i]);
    /* Of the prior's chain 500 visits are some 25 apart in effect: its mean takes 4% of its variance 2 / (2 - s) = 1.05. */
    const double fitted = mean_of(z, &error);
    const double expected = 1 + own - 0.96 * 2 / (2 - s);
    if (!(fabs(fitted - expected) < 0.05)) fail_msg("variance %.4f, expected %.4f", fitted, expected);
}

static void langevin_without_a_likelihood_is_the_prior(void **state) {
    (void)state;
    start(&method_langevin, 0.4f, 0);
    config.steps = 5;
    take(&method_langevin, 5, 0.3, 0);
    method_langevin.finish(&fit);
    assert_true(posterior_kl(mu, logvar, N) == 0);
}

static void adam_comes_near_the_posterior(void **state) {
    (void)state;
    double error;
    start(&method_adam, 0, 0);
    for (int s = 0; s < 2000; s++) {
        draw(s);
        method_adam.place(&fit);
        gradient_at_z(a);
        fit.step = s;
        fit.rate = 0.02 * (1 - s / 2000.0);
        method_adam.step(&fit);
    }
    const double mean = mean_of(mu, &error);
    const double width = mean_of(logvar, &error);
    assert_true(fabs(mean - 1.5) < 0.01);
    assert_true(fabs(width - log(0.25)) < 0.02);
}

static void log_ratio_is_that_of_the_two_densities(void **state) {
    (void)state;
    start(&method_adam, 0.7f, -1.3f);
    draw(3);
    posterior_sample(z, mu, logvar, noise, N);
    double exact = 0;
    for (int i = 0; i < N; i++) {
        const double from = ((double)z[i] - 0.7f) / exp(-0.65);
        exact += 0.5 * (from * from - 1.3 - (double)z[i] * z[i]);
    }
    assert_true(fabs(posterior_log_ratio(z, logvar, noise, N) - exact) < 1e-5 * N);
    /* E_q[log q - log p] = KL: its spread over N entries is some 0.7 each. */
    assert_true(fabs(posterior_log_ratio(z, logvar, noise, N) + posterior_kl(mu, logvar, N)) < 5 * 0.8 * sqrt(N));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(natural_finds_mean_and_curvature),
        cmocka_unit_test(natural_without_noise_takes_newtons_step),
        cmocka_unit_test(natural_has_the_prior_for_its_widest),
        cmocka_unit_test(natural_moves_no_further_than_its_trust),
        cmocka_unit_test(a_gradient_that_is_no_number_is_seen),
        cmocka_unit_test(langevin_visits_the_posterior),
        cmocka_unit_test(langevin_without_a_likelihood_is_the_prior),
        cmocka_unit_test(adam_comes_near_the_posterior),
        cmocka_unit_test(log_ratio_is_that_of_the_two_densities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
