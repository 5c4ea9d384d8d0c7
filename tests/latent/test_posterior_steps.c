/* The steps of each method on a posterior that is known: -log p(x|z) = ½ a (z - c)² in every entry, so that the posterior is
 * N(a c / (1 + a), 1 / (1 + a)). Thousands of entries share (a, c), so their mean shows an expectation. */
#include <math.h>

#include "support/unit.h"

#include "base/random.h"
#include "latent/posterior.h"
#include "latent/posterior_steps.h"

enum { N = 8192 };
static const double a = 3, c = 2; /* exact: mean 1.5, variance 0.25 */

static float mu[N], logvar[N], noise[N], z[N], dz[N], one[N], two[N], three[N], four[N];

static void start(float mean, float log_variance) {
    for (int i = 0; i < N; i++) mu[i] = mean, logvar[i] = log_variance;
    memset(one, 0, sizeof one);
    memset(two, 0, sizeof two);
    memset(three, 0, sizeof three);
    memset(four, 0, sizeof four);
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

static void natural(int steps, double alpha, double rho, double curvature) {
    for (int s = 0; s < steps; s++) {
        draw(s);
        posterior_sample(z, mu, logvar, noise, N);
        gradient_at_z(curvature);
        posterior_natural(mu, logvar, one, dz, noise, (struct natural_rates){alpha, rho, 1}, N);
    }
}

static void natural_finds_mean_and_curvature(void **state) {
    (void)state;
    double error;
    start(0, 0);
    posterior_natural_start(one, logvar, N);
    natural(200, 0.3, 0.1, a);
    natural(200, 0.02, 0.02, a); /* smaller rates: what noise is left goes */
    const double mean = mean_of(mu, &error);
    if (!(fabs(mean - 1.5) < 4 * error + 1e-3)) fail_msg("mean %.5f ± %.5f, exact 1.5", mean, error);
    const double h = mean_of(one, &error);
    /* E[ε dz/σ] = a + E[ε a (μ - c)/σ] = a */
    if (!(fabs(h - a) < 5 * error)) fail_msg("curvature %.4f ± %.4f, exact 3", h, error);
    for (int i = 0; i < N; i++) z[i] = expf(logvar[i]);
    /* 1/λ is convex in λ, whose spread of some 0.4 lifts its mean by about 0.25 (0.4/4)² = 1%. */
    const double variance = mean_of(z, &error);
    if (!(fabs(variance - 0.25) < 0.01)) fail_msg("variance %.4f, exact 0.25", variance);
}

static void natural_without_noise_takes_newtons_step(void **state) {
    (void)state;
    start(0, (float)-log(1 + a)); /* the exact variance: h = a */
    posterior_natural_start(one, logvar, N);
    memset(noise, 0, sizeof noise);
    posterior_sample(z, mu, logvar, noise, N);
    gradient_at_z(a);
    posterior_natural(mu, logvar, one, dz, noise, (struct natural_rates){1, 0, 0}, N);
    for (int i = 0; i < N; i++) assert_true(fabs(mu[i] - 1.5) < 1e-5 && fabs(logvar[i] + log(1 + a)) < 1e-5);
}

static void natural_has_the_prior_for_its_widest(void **state) {
    (void)state;
    double error;
    start(0.5f, 0);
    posterior_natural_start(one, logvar, N);
    natural(50, 0.1, 0.3, -0.5); /* a likelihood that curves downwards: the posterior is wider than the prior */
    for (int i = 0; i < N; i++) assert_true(logvar[i] <= 0);
    assert_true(mean_of(one, &error) < -0.4);
    start(0, -2); /* one that says nothing: back to the prior */
    posterior_natural_start(one, logvar, N);
    natural(50, 0.3, 0.3, 0);
    assert_true(posterior_kl(mu, logvar, N) < 1e-6 * N);
}

static void natural_moves_no_further_than_its_trust(void **state) {
    (void)state;
    for (int trust = 0; trust <= 2; trust++) {
        start(0, 0);
        posterior_natural_start(one, logvar, N);
        draw(0);
        for (int i = 0; i < N; i++) dz[i] = i % 2 ? 1000 : -1000;
        posterior_natural(mu, logvar, one, dz, noise, (struct natural_rates){0.3, 0.3, trust}, N);
        for (int i = 0; i < N; i++) {
            const double widths = fabs((double)mu[i]) / exp(0.5 * logvar[i]);
            assert_true((mu[i] < 0) == (i % 2 == 1) && (trust ? fabs(widths - trust) < 1e-4 * trust : widths > 2));
        }
    }
}

static void a_gradient_that_is_no_number_is_seen(void **state) {
    (void)state;
    start(0, 0);
    posterior_natural_start(one, logvar, N);
    draw(0);
    for (int i = 0; i < N; i++) dz[i] = NAN;
    posterior_natural(mu, logvar, one, dz, noise, (struct natural_rates){0.3, 0.3, 1}, N);
    assert_true(isnan(posterior_kl(mu, logvar, N)));
}

static void langevin_visits_the_posterior(void **state) {
    (void)state;
    enum { STEPS = 1000 };
    const double s = 0.1;
    const double b = 1 + a;
    struct posterior_visits visits = {.sum = one, .pull_sum = two, .squares = three};
    double error;
    start(0, 0);
    for (int step = 0; step < STEPS; step++) {
        memcpy(z, mu, sizeof z);
        gradient_at_z(a);
        draw(step);
        posterior_langevin(mu, four, dz, noise, s, N);
        if (2 * step >= STEPS) posterior_visit(&visits, mu, four, N);
    }
    assert_int_equal(visits.count, STEPS / 2);
    /* Across entries the chain's last place has the law of the discretised dynamics: variance 2s / (1 - (1 - s b)²). */
    const double own = 2 * s / (1 - (1 - s * b) * (1 - s * b));
    const double mean = mean_of(mu, &error);
    const double variance = error * error * N;
    assert_true(fabs(mean - 1.5) < 4 * error);
    if (!(fabs(variance / own - 1) < 0.06)) fail_msg("variance %.4f, exact %.4f", variance, own);
    posterior_from_visits(mu, logvar, &visits, N);
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
    struct posterior_visits visits = {.sum = one, .pull_sum = two, .squares = three};
    start(0.4f, 0);
    memset(dz, 0, sizeof dz);
    for (int step = 0; step < 5; step++) {
        draw(step);
        posterior_langevin(mu, four, dz, noise, 0.3, N);
        posterior_visit(&visits, mu, four, N);
    }
    posterior_from_visits(mu, logvar, &visits, N);
    assert_true(posterior_kl(mu, logvar, N) == 0);
}

static void adam_comes_near_the_posterior(void **state) {
    (void)state;
    struct posterior_moments moments = {one, two, three, four};
    double error;
    start(0, 0);
    for (int s = 0; s < 2000; s++) {
        draw(s);
        posterior_sample(z, mu, logvar, noise, N);
        gradient_at_z(a);
        const double lr = 0.02 * (1 - s / 2000.0);
        posterior_adam(mu, logvar, &moments, dz, noise, (struct posterior_step){lr, 0, s + 1}, N);
    }
    const double mean = mean_of(mu, &error);
    const double width = mean_of(logvar, &error);
    assert_true(fabs(mean - 1.5) < 0.01);
    assert_true(fabs(width - log(0.25)) < 0.02);
}

static void log_ratio_is_that_of_the_two_densities(void **state) {
    (void)state;
    start(0.7f, -1.3f);
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
