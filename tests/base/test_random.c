/* Numbers that depend on their key alone, and are what they are called. */
#include <math.h>

#include "support/unit.h"

#include "base/random.h"

static void numbers_depend_on_every_part_of_the_key(void **state) {
    (void)state;
    const struct random_key keys[] = {{1, 1, 0, 0, 0}, {2, 1, 0, 0, 0}, {1ull << 40, 1, 0, 0, 0}, {1, 2, 0, 0, 0},
                                      {1, 1, 1, 0, 0}, {1, 1, 0, 1, 0}, {1, 1, 0, 0, 1}};
    const size_t n = sizeof keys / sizeof *keys;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            float a[8];
            float b[8];
            random_normal(a, 8, keys[i]);
            random_normal(b, 8, keys[j]);
            assert_memory_not_equal(a, b, sizeof a);
            assert_int_not_equal(random_bits(keys[i], 5), random_bits(keys[j], 5));
        }
}

static void a_longer_draw_begins_with_the_shorter_one(void **state) {
    (void)state;
    const struct random_key key = {9, 3, 2, 1, 0};
    float lengthy[103];
    float brief[7];
    random_normal(lengthy, 103, key);
    random_normal(brief, 7, key);
    assert_memory_equal(lengthy, brief, sizeof brief);
}

/* A million draws: the mean is off by 1/1000 (one standard error), the variance by 1.4/1000, kurtosis by 5/1000. */
static void normal_numbers_have_the_normal_moments(void **state) {
    (void)state;
    enum { N = 1000000 };
    float *x = malloc(N * sizeof *x);
    assert_non_null(x);
    random_normal(x, N, (struct random_key){.seed = 5, .purpose = 1});
    double m1 = 0;
    double m2 = 0;
    double m4 = 0;
    for (int i = 0; i < N; i++) {
        assert_true(isfinite(x[i]));
        m1 += x[i] / (double)N;
        m2 += (double)x[i] * x[i] / N;
        m4 += pow(x[i], 4) / N;
    }
    assert_true(fabs(m1) < 5e-3 && fabs(m2 - 1) < 7e-3 && fabs(m4 - 3) < 5e-2);
    free(x);
}

/* A hundred thousand: the share that is kept is off by 1.5/1000 (one standard error). */
static void a_mask_keeps_its_share(void **state) {
    (void)state;
    enum { N = 100003 };
    static uint8_t mask[N];
    static uint8_t shorter[N];
    int kept = 0;
    const float scale = random_mask(mask, N, 0.3, (struct random_key){.seed = 5, .purpose = 1});
    assert_true(fabsf(scale - 1 / 0.7f) < 1e-4f);
    for (int i = 0; i < N; i++) {
        assert_true(mask[i] <= 1);
        kept += mask[i];
    }
    assert_true(abs(kept - 7 * N / 10) < 600);
    random_mask(shorter, 13, 0.3, (struct random_key){.seed = 5, .purpose = 1});
    assert_memory_equal(shorter, mask, 13);
    assert_int_equal(shorter[13], 0);
}

static void uniform_numbers_fill_the_interval(void **state) {
    (void)state;
    double least = 1;
    double most = 0;
    double mean = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        const double u = random_uniform((struct random_key){.seed = 5}, i);
        least = fmin(least, u);
        most = fmax(most, u);
        mean += u / 10000;
    }
    assert_true(least >= 0 && least < 0.001 && most < 1 && most > 0.999 && fabs(mean - 0.5) < 0.02);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_depend_on_every_part_of_the_key),
        cmocka_unit_test(a_longer_draw_begins_with_the_shorter_one),
        cmocka_unit_test(normal_numbers_have_the_normal_moments),
        cmocka_unit_test(a_mask_keeps_its_share),
        cmocka_unit_test(uniform_numbers_fill_the_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
