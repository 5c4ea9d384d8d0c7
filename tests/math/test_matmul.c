/* OpenBLAS's products, in all orientations and at shapes that are multiples of nothing, against plain ones; vector kernels
 * against the library's. */
#include <math.h>

#include "support/gradients.h"

#include "math/matmul.h"
#include "math/vector.h"

/* k products of numbers of size 1, rounded to 2^-24 of partial sums of size √k: off by less than k · 1e-7. */
static void check(int m, int n, int k) {
    const int pad = 3;
    const int rows = m > k ? m : k;
    const int columns = (m > k ? m : k) > n ? (m > k ? m : k) : n;
    const int ld = columns + pad;
    const size_t size = (size_t)(rows > n ? rows : n) * (size_t)ld;
    float *a = test_normal(size, 1, 1);
    float *b = test_normal(size, 2, 1);
    float *c = test_normal(size, 3, 1);
    float *d = test_zeros(size);
    void (*fast[3])(float *, int, const float *, int, const float *, int, int, int, int, float,
                    float) = {matmul_nt, matmul_nn, matmul_tn};
    void (*plain[3])(float *, int, const float *, int, const float *, int, int, int, int, float,
                     float) = {matmul_plain_nt, matmul_plain_nn, matmul_plain_tn};
    for (int orientation = 0; orientation < 3; orientation++)
        for (int beta = 0; beta < 2; beta++) {
            memcpy(d, c, size * sizeof(float));
            fast[orientation](c, ld, a, ld, b, ld, m, n, k, 0.5f, (float)beta);
            plain[orientation](d, ld, a, ld, b, ld, m, n, k, 0.5f, (float)beta);
            for (size_t i = 0; i < size; i++)
                if (!(fabsf(c[i] - d[i]) <= 1e-6f + 1e-7f * (float)k * 2))
                    fail_msg("%d x %d x %d, orientation %d: %g against %g", m, n, k, orientation, c[i], d[i]);
        }
    free(a), free(b), free(c), free(d);
}

static void products_are_the_plain_ones(void **state) {
    (void)state;
    assert_int_equal(matmul_start(NULL), LTM_OK);
    const int shapes[][3] = {{1, 1, 1},    {1, 37, 19},   {7, 1, 5},      {13, 29, 1},
                             {64, 64, 64}, {67, 129, 33}, {130, 17, 257}, {31, 8, 64}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check(shapes[i][0], shapes[i][1], shapes[i][2]);
}

static void peak_is_a_rate(void **state) {
    (void)state;
    const double one = matmul_peak(1, 0.02);
    assert_true(one > 1e7 && isfinite(one));
}

static void exponential_is_the_librarys(void **state) {
    (void)state;
    for (double x = -87; x < 88; x += 0.0137) {
        const double exact = exp((double)(float)x);
        assert_true(fabs(vector_exp1((float)x) - exact) <= 1.5e-7 * exact);
    }
    assert_true(vector_exp1(-1e30f) < 2e-38f && vector_exp1(-INFINITY) < 2e-38f);
    assert_true(isfinite(vector_exp1(1e30f)));
    assert_true(isnan(vector_exp1(NAN)));
}

static void sums_and_maxima_are_the_plain_ones(void **state) {
    (void)state;
    for (size_t n = 0; n < 100; n++) {
        float *x = test_normal(n, 1, 3);
        float *y = test_normal(n, 2, 1);
        float most = -INFINITY;
        double dot = 0;
        double squares = 0;
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            dot += (double)x[i] * y[i];
            squares += (double)x[i] * x[i];
            sum += exp(x[i] - 1.0);
            most = fmaxf(most, x[i]);
        }
        assert_true(vector_max(x, n) == most);
        assert_true(fabs(vector_dot(x, y, n) - dot) < 1e-4);
        assert_true(fabs(vector_sum_squares(x, n) - squares) <= 1e-9 * squares);
        assert_true(fabs(vector_exp_sum(x, 1, n) - sum) <= 2e-6 * sum);
        free(x), free(y);
    }
    float x[40] = {0};
    x[33] = NAN;
    assert_true(isnan(vector_exp_sum(x, 0, 40))); /* a NaN is seen */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_the_plain_ones),
        cmocka_unit_test(peak_is_a_rate),
        cmocka_unit_test(exponential_is_the_librarys),
        cmocka_unit_test(sums_and_maxima_are_the_plain_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
