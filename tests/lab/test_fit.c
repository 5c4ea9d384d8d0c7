/* Scaling-law fits: known constants come back within the fit's own intervals, the form is the one the points were made
 * with, and what points cannot tell is refused or said. */
#include <math.h>

#include "support/unit.h"

#include "base/random.h"
#include "lab/fit_form.h"
#include "ltm/fit.h"

/* e, a, b as coefficients, not logarithms. */
struct law {
    double e, a, b, c, f, alpha, beta, gamma, delta, gamma_n;
};

static const struct law hoffmann = {.e = 1.69, .a = 406.4, .b = 410.7, .alpha = 0.34, .beta = 0.28};

enum { MOST = 200 };

static double loss_of(const struct law *law, const struct ltm_fit_point *p, double latent_scale) {
    const double m = 1 + p->latent_numbers / latent_scale;
    double loss =
        law->e + law->a / (pow(p->parameters, law->alpha) * pow(m, law->gamma_n)) + law->b / pow(p->tokens, law->beta);
    if (law->c > 0) loss += law->c / pow(m, law->gamma);
    if (law->f > 0 && p->latents) loss += law->f / pow(p->fast_steps, law->delta);
    return loss;
}

/* Losses with log-normal noise. */
static void make_losses(struct ltm_fit_point *points, int count, const struct law *law, double latent_scale,
                        double noise, uint64_t seed) {
    float normal[MOST];
    random_normal(normal, (size_t)count, (struct random_key){.seed = seed, .purpose = RANDOM_ORDER});
    for (int i = 0; i < count; i++)
        points[i].loss = loss_of(law, &points[i], latent_scale) * exp(noise * (double)normal[i]);
}

/* Plain decoders of the sizes that Hoffmann et al. trained. */
static int chinchilla_grid(struct ltm_fit_point *points) {
    int count = 0;
    for (double n = 7e7; n < 2e10; n *= 2.2)
        for (double d = 1e9; d < 6e11; d *= 3)
            points[count++] = (struct ltm_fit_point){.parameters = n, .tokens = d, .token_flops = 6 * n};
    return count;
}

/* Small models as a study has them: widths, latents, steps, token counts. */
static int study_grid(struct ltm_fit_point *points, int token_counts) {
    static const int latents[] = {0, 8, 24, 48};
    int count = 0;
    for (int width = 64; width <= 256; width *= 2)
        for (int l = 0; l < 4; l++)
            for (int steps = 2; steps <= (latents[l] ? 18 : 2); steps *= 3)
                for (int t = 0; t < token_counts; t++) {
                    const double n = 2048.0 * width + (latents[l] ? 16 : 12) * 3.0 * width * width;
                    points[count++] = (struct ltm_fit_point){.parameters = n,
                                                             .tokens = 5e5 * pow(3, t),
                                                             .latents = latents[l],
                                                             .latent_numbers = latents[l] * width,
                                                             .fast_steps = steps,
                                                             .token_flops = (latents[l] ? 4 * steps + 6 : 6) * n};
                }
    return count;
}

static struct ltm_fit *fitted(const struct ltm_fit_point *points, int count, int resamples, bool plain) {
    struct ltm_fit_options options;
    struct ltm_error error = {0};
    struct ltm_fit *fit;
    ltm_fit_options_defaults(&options);
    options.resamples = resamples;
    options.plain = plain;
    if (ltm_fit(&fit, points, (size_t)count, &options, NULL, &error) != LTM_OK) fail_msg("%s", error.message);
    return fit;
}

static void assert_near(double value, double want, double relative, const char *what) {
    if (!(fabs(value - want) <= relative * fabs(want))) fail_msg("%s is %.9g, not %.9g", what, value, want);
}

static void test_gradient(void **state) {
    struct ltm_fit_point points[MOST];
    struct fit_row rows[MOST];
    struct fit_form forms[LTM_FIT_CANDIDATES];
    (void)state;
    const int count = study_grid(points, 2);
    const int all = fit_forms(forms, 15 | FIT_LOOPS, false);
    make_losses(points, count, &(struct law){.e = 1, .a = 300, .alpha = 0.4}, 512, 0.1, 3);
    for (int i = 0; i < count; i++)
        rows[i] = (struct fit_row){.log_loss = log(points[i].loss),
                                   .x = {log(points[i].parameters) - 12, log(points[i].tokens) - 13,
                                         points[i].latents / 30.0, 0.1 * points[i].fast_steps},
                                   .latents = points[i].latents > 0,
                                   .log_loops = 0.7 * (i % 3),
                                   .recurrent = 0.2 * (i % 4)};
    assert_int_equal(all, 20);
    for (int f = 0; f < all; f++) assert_int_equal(forms[f].loops, f >= 10); /* those without stand first, as ever */
    for (int f = 0; f < all; f++) {
        enum ltm_fit_parameter list[LTM_FIT_PARAMETERS];
        const struct fit_objective objective = {.form = &forms[f], .rows = rows, .count = (size_t)count};
        const int n = fit_form_parameters(&forms[f], list);
        double x[MINIMISE_MOST];
        double gradient[MINIMISE_MOST];
        double unused[MINIMISE_MOST];
        for (int i = 0; i < n; i++) x[i] = 0.3 + 0.1 * i;
        const double value = fit_objective_value(&objective, x, gradient, n);
        for (int i = 0; i < n; i++) {
            /* Huber's pieces join smoothly: only rows within h of a join are off, and by O(h). */
            const double h = 1e-6;
            const double keep = x[i];
            x[i] = keep + h;
            const double above = fit_objective_value(&objective, x, unused, n);
            x[i] = keep - h;
            const double below = fit_objective_value(&objective, x, unused, n);
            x[i] = keep;
            const double slope = (above - below) / (2 * h);
            if (!(fabs(slope - gradient[i]) <= 1e-6 * fabs(value) + 1e-5 * fabs(slope)))
                fail_msg("form %d, %s: slope %.9g, gradient %.9g", f, ltm_fit_parameter_name(list[i]), slope,
                         gradient[i]);
        }
    }
}

static void test_exact_points(void **state) {
    struct ltm_fit_point points[MOST];
    (void)state;
    const int count = chinchilla_grid(points);
    make_losses(points, count, &hoffmann, 1, 0, 1);
    struct ltm_fit *fit = fitted(points, count, 0, true);
    const struct ltm_fit_interval *p = ltm_fit_info(fit)->parameter;
    assert_near(p[LTM_FIT_E].value, hoffmann.e, 1e-4, "E");
    assert_near(p[LTM_FIT_A].value, hoffmann.a, 1e-3, "A");
    assert_near(p[LTM_FIT_B].value, hoffmann.b, 1e-3, "B");
    assert_near(p[LTM_FIT_ALPHA].value, hoffmann.alpha, 1e-4, "alpha");
    assert_near(p[LTM_FIT_BETA].value, hoffmann.beta, 1e-4, "beta");
    assert_true(isnan(p[LTM_FIT_C].value) && isnan(p[LTM_FIT_E].low));
    assert_near(ltm_fit_predict(fit, &points[3]), points[3].loss, 1e-5, "a prediction");
    ltm_fit_free(fit);
}

/* Intervals of 95 % must hold the truth about that often: of 5 constants under 4 noises, all but a few. */
static void test_intervals_cover(void **state) {
    struct ltm_fit_point points[MOST];
    const double truth[] = {[LTM_FIT_E] = hoffmann.e,         [LTM_FIT_A] = hoffmann.a,       [LTM_FIT_B] = hoffmann.b,
                            [LTM_FIT_ALPHA] = hoffmann.alpha, [LTM_FIT_BETA] = hoffmann.beta, [LTM_FIT_DELTA] = 0};
    static const enum ltm_fit_parameter list[] = {LTM_FIT_E, LTM_FIT_A, LTM_FIT_B, LTM_FIT_ALPHA, LTM_FIT_BETA};
    int held = 0;
    (void)state;
    const int count = chinchilla_grid(points);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        make_losses(points, count, &hoffmann, 1, 0.003, seed);
        struct ltm_fit *fit = fitted(points, count, 100, true);
        for (int i = 0; i < 5; i++) {
            const struct ltm_fit_interval *p = &ltm_fit_info(fit)->parameter[list[i]];
            assert_true(p->low <= p->value && p->value <= p->high);
            held += p->low <= truth[list[i]] && truth[list[i]] <= p->high;
        }
        ltm_fit_free(fit);
    }
    if (held < 17) fail_msg("%d of 20 intervals hold the constant that the points were made with", held);
}

/* Sixteen small models whose noise leaves E open: the fit ends at 0, and its interval must say how little that means. */
static void test_a_flat_minimum_has_a_wide_interval(void **state) {
    static const struct law law = {.e = 1.8, .a = 60, .b = 120, .alpha = 0.3, .beta = 0.28};
    struct ltm_fit_point points[MOST];
    int at_zero = 0;
    (void)state;
    for (uint64_t seed = 7000; seed < 7004; seed++) {
        for (int i = 0; i < 16; i++) {
            const int row = i / 4;
            points[i] = (struct ltm_fit_point){.parameters = 1e5 * pow(3, row), .tokens = 4e5 * pow(2, i % 4)};
        }
        make_losses(points, 16, &law, 1, 0.02, seed);
        struct ltm_fit *fit = fitted(points, 16, 60, true);
        const struct ltm_fit_interval e = ltm_fit_info(fit)->parameter[LTM_FIT_E];
        at_zero += e.value < 1e-6;
        if (!(e.low < law.e && e.high > law.e)) fail_msg("E %g, %g to %g", e.value, e.low, e.high);
        ltm_fit_free(fit);
    }
    assert_true(at_zero > 0);
}

static void test_form_is_found(void **state) {
    static const struct {
        struct law law;
        const char *form;
    } cases[] = {
        {{.e = 2, .a = 300, .b = 800, .alpha = 0.45, .beta = 0.5}, "E + A / N^α + B / D^β"},
        {{.e = 1.5, .a = 300, .b = 800, .c = 0.6, .alpha = 0.45, .beta = 0.5, .gamma = 0.8},
         "E + A / N^α + B / D^β + C / m^γ"},
        {{.e = 1.5, .a = 900, .b = 800, .alpha = 0.45, .beta = 0.5, .gamma_n = 0.25}, "E + A / (N^α m^γ) + B / D^β"},
        {{.e = 2, .a = 300, .b = 800, .f = 0.5, .alpha = 0.45, .beta = 0.5, .delta = 0.9},
         "E + A / N^α + B / D^β + F / S^δ"},
    };
    struct ltm_fit_point points[MOST];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int count = study_grid(points, 3);
        make_losses(points, count, &cases[i].law, 512, 0.001, 11);
        struct ltm_fit *fit = fitted(points, count, 0, false);
        const struct ltm_fit_info *info = ltm_fit_info(fit);
        assert_int_equal(info->candidates, 10);
        assert_string_equal(info->candidate[info->chosen].form, cases[i].form);
        if (cases[i].law.gamma > 0) assert_near(info->parameter[LTM_FIT_GAMMA].value, cases[i].law.gamma, 0.1, "gamma");
        if (cases[i].law.gamma_n > 0) assert_near(info->parameter[LTM_FIT_GAMMA].value, 0.25, 0.1, "gamma");
        if (cases[i].law.f > 0) assert_near(info->parameter[LTM_FIT_DELTA].value, 0.9, 0.1, "delta");
        ltm_fit_free(fit);
    }
}

/* Where E + A / N^α + B / D^β is least with 6 N D = compute (Hoffmann et al., equation 4): N = G (C/6)^(β/(α+β)),
 * D = (C/6)^(α/(α+β)) / G, G = (αA/βB)^(1/(α+β)). */
static void hoffmann_optimum(double compute, double *n, double *d) {
    const double both = hoffmann.alpha + hoffmann.beta;
    const double g = pow(hoffmann.alpha * hoffmann.a / (hoffmann.beta * hoffmann.b), 1 / both);
    *n = g * pow(compute / 6, hoffmann.beta / both);
    *d = pow(compute / 6, hoffmann.alpha / both) / g;
}

static void test_optimum(void **state) {
    double n;
    double d;
    (void)state;
    hoffmann_optimum(5.76e23, &n, &d);
    assert_near(6 * n * d, 5.76e23, 1e-9, "the compute");
    /* At the optimum neither more parameters nor more tokens help. */
    const double here = hoffmann.a / pow(n, hoffmann.alpha) + hoffmann.b / pow(d, hoffmann.beta);
    for (double by = 0.9; by < 1.2; by += 0.2)
        assert_true(hoffmann.a / pow(n * by, hoffmann.alpha) + hoffmann.b / pow(d / by, hoffmann.beta) > here);

    struct ltm_fit_point points[MOST];
    const int count = chinchilla_grid(points);
    make_losses(points, count, &hoffmann, 1, 0, 1);
    struct ltm_fit *fit = fitted(points, count, 50, true);
    struct ltm_fit_answer answer;
    assert_int_equal(ltm_fit_answer(fit, 1e21, &answer, NULL), LTM_OK);
    hoffmann_optimum(1e21, &n, &d);
    assert_near(answer.parameters.value, n, 0.01, "the best parameter count");
    assert_near(answer.tokens.value, d, 0.01, "the best token count");
    assert_false(answer.extrapolates);
    assert_null(strstr(answer.words, "resamples choose")); /* there are no latents to choose among */
    /* Far beyond the measured sizes it is the law's, and said to be an extrapolation. */
    assert_int_equal(ltm_fit_answer(fit, 5.88e24, &answer, NULL), LTM_OK);
    hoffmann_optimum(5.88e24, &n, &d);
    assert_near(answer.parameters.value, n, 0.01, "the best parameter count beyond those measured");
    assert_near(answer.tokens.value, d, 0.01, "the best token count beyond those measured");
    assert_true(answer.parameters.low <= answer.parameters.value && answer.parameters.high >= answer.parameters.value);
    assert_true(answer.extrapolates && !answer.at_edge &&
                strstr(answer.words, "its parameters and tokens lie beyond what was measured"));
    assert_int_equal(ltm_fit_answer(fit, -1, &answer, NULL), LTM_INVALID);
    ltm_fit_free(fit);
}

static void test_a_constant_advises_nothing(void **state) {
    struct ltm_fit_point points[MOST];
    struct ltm_fit_answer answer;
    struct ltm_error error = {0};
    (void)state;
    const int count = study_grid(points, 1);
    for (int i = 0; i < count; i++) points[i].parameters = points[0].parameters;
    make_losses(points, count, &(struct law){.e = 2}, 512, 0.002, 5);
    struct ltm_fit *fit = fitted(points, count, 20, false);
    assert_string_equal(ltm_fit_info(fit)->candidate[ltm_fit_info(fit)->chosen].form, "E");
    assert_int_equal(ltm_fit_answer(fit, 1e13, &answer, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "the law is a constant"));
    ltm_fit_free(fit);
}

static void test_exponent_at_its_limit_is_said(void **state) {
    struct ltm_fit_point points[MOST];
    bool said = false;
    (void)state;
    const int count = chinchilla_grid(points);
    make_losses(points, count, &(struct law){.e = 2, .a = 400, .b = 3e26, .alpha = 0.34, .beta = 3}, 1, 0, 1);
    struct ltm_fit *fit = fitted(points, count, 20, true);
    const struct ltm_fit_info *info = ltm_fit_info(fit);
    for (int i = 0; i < info->notes; i++)
        said = said || (strstr(info->note[i], "β ends at 2") && strstr(info->note[i], "limit of 2"));
    if (!said) fail_msg("β is %g", info->parameter[LTM_FIT_BETA].value);
    ltm_fit_free(fit);
}

static void test_answer_on_latents(void **state) {
    struct ltm_fit_point points[MOST];
    struct ltm_fit_answer answer;
    (void)state;
    /* Latents that do nothing but cost their steps. */
    int count = study_grid(points, 3);
    make_losses(points, count, &(struct law){.e = 2, .a = 300, .b = 800, .alpha = 0.45, .beta = 0.5}, 512, 0.002, 5);
    struct ltm_fit *fit = fitted(points, count, 60, false);
    assert_int_equal(ltm_fit_answer(fit, 1e12, &answer, NULL), LTM_OK);
    assert_int_equal(answer.latents, 0);
    assert_true(answer.gain.high < 0 && strstr(answer.words, "Latents do not pay here"));
    ltm_fit_free(fit);

    /* Latents without which a large part of the loss stays. */
    make_losses(points, count,
                &(struct law){.e = 1, .a = 300, .b = 80, .c = 3, .alpha = 0.45, .beta = 0.5, .gamma = 1.5}, 512, 0.002,
                5);
    fit = fitted(points, count, 60, false);
    assert_int_equal(ltm_fit_answer(fit, 1e13, &answer, NULL), LTM_OK);
    assert_int_equal(answer.latents, 48);
    assert_true(answer.gain.low > 0 && strstr(answer.words, "Latents pay here") && answer.share > 0.5);
    ltm_fit_free(fit);
}

static void test_one_token_count(void **state) {
    struct ltm_fit_point points[MOST];
    struct ltm_fit_answer answer;
    (void)state;
    const int count = study_grid(points, 1);
    make_losses(points, count, &(struct law){.e = 2, .a = 300, .alpha = 0.45}, 512, 0.002, 5);
    struct ltm_fit *fit = fitted(points, count, 20, false);
    const struct ltm_fit_info *info = ltm_fit_info(fit);
    assert_true(isnan(info->parameter[LTM_FIT_B].value));
    assert_true(info->notes > 0 && strstr(info->note[0], "only one count of training tokens"));
    assert_int_equal(ltm_fit_answer(fit, 1e13, &answer, NULL), LTM_OK);
    assert_true(answer.fixed_tokens && answer.tokens.value == points[0].tokens);
    ltm_fit_free(fit);
}

static void refused(const struct ltm_fit_point *points, int count, const char *words) {
    struct ltm_error error = {0};
    struct ltm_fit *fit;
    assert_int_equal(ltm_fit(&fit, points, (size_t)count, NULL, NULL, &error), LTM_INVALID);
    assert_null(fit);
    if (!strstr(error.message, words)) fail_msg("says: %s", error.message);
}

static void test_too_little_is_refused(void **state) {
    struct ltm_fit_point points[MOST];
    (void)state;
    chinchilla_grid(points);
    make_losses(points, 20, &hoffmann, 1, 0, 1);
    refused(points, 0, "there are no runs");
    points[1].tokens = 2e9;
    points[2] = points[1];
    points[2].parameters *= 3;
    refused(points, 3, "needs at least 6 runs");
    for (int i = 0; i < 6; i++) points[i] = points[0];
    refused(points, 6, "differ neither in parameters nor in tokens");
    points[1].loss = NAN;
    refused(points, 6, "a loss of nan");
    points[1] = points[0];
    points[1].parameters = 0;
    refused(points, 6, "0 parameters");
}

/* Of two layers that run once and two that run r times, among them r = 1. */
static int looped_grid(struct ltm_fit_point *points, double phi) {
    int count = 0;
    for (int width = 64; width <= 256; width *= 2)
        for (int loops = 1; loops <= 9; loops *= 3)
            for (int t = 0; t < 3; t++) {
                const double once = 2048.0 * width + 24.0 * width * width;
                const double again = 24.0 * width * width;
                const double effective = once + pow(loops, phi) * again;
                points[count] = (struct ltm_fit_point){.parameters = once + again,
                                                       .recurrent = loops > 1 ? again : 0,
                                                       .loops = loops,
                                                       .tokens = 5e5 * pow(3, t),
                                                       .token_flops = 6 * (once + loops * again)};
                points[count].loss = 1.5 + 300 / pow(effective, 0.45) + 800 / pow(points[count].tokens, 0.5);
                count++;
            }
    return count;
}

static void test_loops(void **state) {
    struct ltm_fit_point points[MOST];
    float normal[MOST];
    (void)state;
    int count = looped_grid(points, 0.46);
    struct ltm_fit *fit = fitted(points, count, 0, false);
    const struct ltm_fit_info *info = ltm_fit_info(fit);
    assert_string_equal(info->candidate[info->chosen].form, "E + A / (N_once + r^φ N_rec)^α + B / D^β");
    assert_near(info->parameter[LTM_FIT_PHI].value, 0.46, 1e-3, "phi without noise");
    assert_near(info->parameter[LTM_FIT_ALPHA].value, 0.45, 1e-3, "alpha without noise");
    assert_near(ltm_fit_predict(fit, &points[5]), points[5].loss, 1e-5, "a prediction");
    ltm_fit_free(fit);

    random_normal(normal, (size_t)count, (struct random_key){.seed = 5, .purpose = RANDOM_ORDER});
    for (int i = 0; i < count; i++) points[i].loss *= exp(0.001 * (double)normal[i]);
    fit = fitted(points, count, 20, false);
    info = ltm_fit_info(fit);
    const struct ltm_fit_interval phi = info->parameter[LTM_FIT_PHI];
    if (!(phi.low < 0.46 && phi.high > 0.46 && phi.high - phi.low < 0.4))
        fail_msg("phi %g, %g to %g: %s", phi.value, phi.low, phi.high, info->candidate[info->chosen].form);
    /* Loops for nothing are not advised: r^φ is less than what they cost. */
    struct ltm_fit_answer answer;
    assert_int_equal(ltm_fit_answer(fit, 1e12, &answer, NULL), LTM_OK);
    assert_true(answer.loops == 1);
    assert_non_null(strstr(answer.words, ", no latents, no loops, "));
    assert_non_null(strstr(answer.words, "of 20 resamples choose these latents, steps and loops"));
    ltm_fit_free(fit);

    count = looped_grid(points, 0); /* loops that do nothing: the form has none, or a φ of about 0 */
    for (int i = 0; i < count; i++) points[i].loss *= exp(0.001 * (double)normal[i]);
    fit = fitted(points, count, 0, false);
    info = ltm_fit_info(fit);
    if (fabs(info->parameter[LTM_FIT_PHI].value) > 0.05) fail_msg("phi %g", info->parameter[LTM_FIT_PHI].value);
    ltm_fit_free(fit);
    points[1].recurrent = 2 * points[1].parameters;
    refused(points, count, "the second must be part of the first");
}

static void test_same_bits(void **state) {
    struct ltm_fit_point points[MOST];
    (void)state;
    const int count = study_grid(points, 2);
    make_losses(points, count, &(struct law){.e = 2, .a = 300, .b = 800, .alpha = 0.45, .beta = 0.5}, 512, 0.01, 5);
    struct ltm_fit *one = fitted(points, count, 30, true);
    struct ltm_fit *two = fitted(points, count, 30, true);
    assert_memory_equal(ltm_fit_info(one)->parameter, ltm_fit_info(two)->parameter,
                        sizeof ltm_fit_info(one)->parameter);
    ltm_fit_free(one);
    ltm_fit_free(two);
}

/* A build without liblbfgs says so, and has nothing else to show. */
static void test_unsupported(void **state) {
    struct ltm_fit_point points[MOST];
    struct ltm_error error = {0};
    struct ltm_fit *fit;
    (void)state;
    assert_int_equal(ltm_fit(&fit, points, (size_t)chinchilla_grid(points), NULL, NULL, &error), LTM_UNSUPPORTED);
    assert_non_null(strstr(error.message, "liblbfgs-dev"));
}

int main(void) {
    const struct CMUnitTest with[] = {
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_exact_points),
        cmocka_unit_test(test_intervals_cover),
        cmocka_unit_test(test_a_flat_minimum_has_a_wide_interval),
        cmocka_unit_test(test_form_is_found),
        cmocka_unit_test(test_optimum),
        cmocka_unit_test(test_a_constant_advises_nothing),
        cmocka_unit_test(test_exponent_at_its_limit_is_said),
        cmocka_unit_test(test_answer_on_latents),
        cmocka_unit_test(test_one_token_count),
        cmocka_unit_test(test_too_little_is_refused),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_same_bits),
    };
    const struct CMUnitTest without[] = {cmocka_unit_test(test_gradient), cmocka_unit_test(test_unsupported)};
    return minimise_available() ? cmocka_run_group_tests(with, NULL, NULL)
                                : cmocka_run_group_tests(without, NULL, NULL);
}
