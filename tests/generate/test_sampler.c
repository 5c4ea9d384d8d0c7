/* Sampling without sorting against sorting: the same tokens stay, with the same probabilities. */
#include <math.h>

#include "support/gradients.h"

#include "generate/sampler.h"

enum { VOCAB = 211 };

struct plain {
    int32_t order[VOCAB];
    double p[VOCAB]; /* by id; 0 where cut off */
};

static const float *sorted_by;

static int likelier(const void *a, const void *b) {
    const int32_t i = *(const int32_t *)a;
    const int32_t j = *(const int32_t *)b;
    if (sorted_by[i] != sorted_by[j]) return sorted_by[i] > sorted_by[j] ? -1 : 1;
    return i - j;
}

static struct plain plain_distribution(const float *logits, double temperature, int top_k, double top_p) {
    struct plain plain = {.p = {0}};
    double p[VOCAB];
    double all = 0;
    double kept = 0;
    for (int i = 0; i < VOCAB; i++) plain.order[i] = i;
    sorted_by = logits;
    qsort(plain.order, VOCAB, sizeof *plain.order, likelier);
    for (int i = 0; i < VOCAB; i++) all += p[i] = exp((logits[i] - logits[plain.order[0]]) / temperature);
    for (int n = 0; n < VOCAB && (top_k == 0 || n < top_k) && (n == 0 || kept < top_p * all); n++) {
        plain.p[plain.order[n]] = p[plain.order[n]];
        kept += p[plain.order[n]];
    }
    for (int i = 0; i < VOCAB; i++) plain.p[i] /= kept;
    return plain;
}

/* Evenly spaced uniform numbers meet each token as often as it is likely, but for one at each of its two edges. */
static void check_only(const float *logits, const bool *only, double temperature, int top_k, double top_p) {
    enum { DRAWS = 1000 };
    float allowed[VOCAB];
    for (int i = 0; i < VOCAB; i++) allowed[i] = !only || only[i] ? logits[i] : -INFINITY;
    const struct plain plain = plain_distribution(allowed, temperature, top_k, top_p);
    struct sampler sampler;
    int count[VOCAB] = {0};
    assert_int_equal(sampler_create(&sampler, VOCAB, temperature, top_k, top_p, NULL), LTM_OK);
    sampler.only = only;
    for (int i = 0; i < DRAWS; i++) count[sampler_pick(&sampler, logits, (i + 0.5) / DRAWS)]++;
    for (int i = 0; i < VOCAB; i++)
        if (fabs(count[i] - plain.p[i] * DRAWS) > (plain.p[i] > 0 ? 2 : 0))
            fail_msg("T %g, k %d, p %g: token %d came %d times, not %g", temperature, top_k, top_p, i, count[i],
                     plain.p[i] * DRAWS);
    sampler_free(&sampler);
}

static void check(const float *logits, double temperature, int top_k, double top_p) {
    check_only(logits, NULL, temperature, top_k, top_p);
}

static void tokens_come_as_often_as_they_are_likely(void **state) {
    (void)state;
    float *logits = test_normal(VOCAB, 1, 3);
    const double temperatures[] = {0.05, 0.8, 1, 5};
    const double shares[] = {0.01, 0.5, 0.95, 1};
    const int counts[] = {0, 1, 7, VOCAB, 1000};
    for (int t = 0; t < 4; t++)
        for (int k = 0; k < 5; k++)
            for (int p = 0; p < 4; p++) check(logits, temperatures[t], counts[k], shares[p]);
    for (int i = 0; i < VOCAB; i++) logits[i] = (float)(i % 3); /* many ties, cut through their midst */
    for (int k = 0; k < 5; k++) check(logits, 1, counts[k] + 2, 0.7);
    free(logits);
}

/* Tokens that may not be picked are far the likeliest, so far that their e^logit is no number. */
static void only_what_may_be_is_picked(void **state) {
    (void)state;
    float *logits = test_normal(VOCAB, 1, 3);
    bool only[VOCAB];
    struct sampler sampler;
    for (int i = 0; i < VOCAB; i++) only[i] = i % 5 == 3;
    for (int i = 0; i < VOCAB; i++) logits[i] += only[i] ? 0 : 500;
    check_only(logits, only, 1, 0, 1);
    check_only(logits, only, 0.5, 7, 0.9);
    assert_int_equal(sampler_create(&sampler, VOCAB, 0, 0, 1, NULL), LTM_OK);
    sampler.only = only;
    logits[18] = 300;
    logits[20] = 300;
    assert_int_equal(sampler_pick(&sampler, logits, 0.5), 18);
    sampler_free(&sampler);
    free(logits);
}

static void cold_is_the_likeliest(void **state) {
    (void)state;
    float *logits = test_normal(VOCAB, 1, 3);
    struct sampler sampler;
    logits[17] = logits[99] = 20;
    for (int tiny = 0; tiny < 2; tiny++) {
        assert_int_equal(sampler_create(&sampler, VOCAB, tiny ? 1e-320 : 0, 0, 1, NULL), LTM_OK);
        assert_int_equal(sampler_pick(&sampler, logits, tiny ? 0.2 : 0.9), 17);
        sampler_free(&sampler);
    }
    free(logits);
}

static void log_p_is_that_of_all_tokens(void **state) {
    (void)state;
    float *logits = test_normal(VOCAB, 2, 3);
    struct sampler sampler;
    double sum = 0;
    for (int i = 0; i < VOCAB; i++) sum += exp((double)logits[i]);
    assert_int_equal(sampler_create(&sampler, VOCAB, 0.5, 3, 0.2, NULL), LTM_OK);
    for (int i = 0; i < VOCAB; i++)
        assert_true(fabs(sampler_log_p(&sampler, logits, i) - (logits[i] - log(sum))) < 1e-5);
    logits[5] = NAN; /* of a diverged model: no crash, and it shows */
    sampler_pick(&sampler, logits, 0.5);
    assert_false(isfinite(sampler_log_p(&sampler, logits, 0)));
    sampler_free(&sampler);
    free(logits);
}

static void the_likeliest_are_found(void **state) {
    (void)state;
    float *logits = test_normal(VOCAB, 1, 3);
    int32_t ids[2 * VOCAB];
    for (int i = 0; i < VOCAB; i++) logits[i] = floorf(4 * logits[i]); /* with equals */
    const struct plain plain = plain_distribution(logits, 1, 0, 1);
    for (int n = 0; n < 2 * VOCAB; n += 1 + n / 2) {
        const int found = sampler_likeliest(ids, logits, VOCAB, n);
        assert_int_equal(found, n < VOCAB ? n : VOCAB);
        assert_memory_equal(ids, plain.order, (size_t)found * sizeof *ids);
    }
    free(logits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_come_as_often_as_they_are_likely),
        cmocka_unit_test(only_what_may_be_is_picked),
        cmocka_unit_test(cold_is_the_likeliest),
        cmocka_unit_test(the_likeliest_are_found),
        cmocka_unit_test(log_p_is_that_of_all_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
