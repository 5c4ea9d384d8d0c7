/* Ridge regression against solutions worked out by hand, and the two ways to solve it against each other. */
#include <math.h>

#include "support/unit.h"

#include "math/matmul.h"
#include "math/ridge.h"

static struct ltm_error error;

/* x = -1, 1 has mean 0 and variance 1; y = 3 ± 2: W = Σxy / (Σx² + nλ) = 4 / (2 + 2λ). */
static void one_column_is_shrunk_as_by_hand(void **state) {
    (void)state;
    const float x[] = {-1, 1};
    const float other[] = {0, 3};
    const double y[] = {1, 5};
    double w[1];
    double out[2];
    struct ridge r;
    assert_int_equal(ridge_create(&r, x, 1, y, 2, 1, 1, &error), LTM_OK);
    assert_int_equal(ridge_solve(&r, 1, w, &error), LTM_OK);
    assert_true(fabs(w[0] - 1) < 1e-12);
    assert_int_equal(ridge_predict(&r, w, other, 1, 2, out, &error), LTM_OK);
    assert_true(fabs(out[0] - 3) < 1e-12 && fabs(out[1] - 6) < 1e-12);
    assert_int_equal(ridge_solve(&r, 1e-12, w, &error), LTM_OK);
    assert_true(fabs(w[0] - 2) < 1e-9);
    ridge_free(&r);
}

/* Two equal columns share the weight; a constant one gets none. Three rows, so the equations are those of rows: by hand, on
 * standardised u = (-√1.5, 0, √1.5), y = (-1, 0, 1): W1 = W2 = 2√1.5 / (2 · 3 + 3λ). */
static void fewer_rows_than_columns_come_to_the_same(void **state) {
    (void)state;
    const float x[] = {1, 10, 7, 1, 2, 20, 7, 2, 3, 30, 7, 3}; /* columns 0, 1 and 3 are one, scaled; 2 is constant */
    const double y[] = {-1, 4, 0, 4, 1, 4};                    /* the second target never varies */
    double w[8];
    struct ridge r;
    assert_int_equal(ridge_create(&r, x, 4, y, 3, 4, 2, &error), LTM_OK);
    assert_int_equal(ridge_solve(&r, 0.5, w, &error), LTM_OK);
    const double expected = 2 * sqrt(1.5) / (3 * 3 + 3 * 0.5);
    assert_true(fabs(w[0] - expected) < 1e-12 && fabs(w[2] - expected) < 1e-12 && fabs(w[6] - expected) < 1e-12);
    assert_true(w[4] == 0 && fabs(w[1]) < 1e-12 && fabs(w[3]) < 1e-12);
    ridge_free(&r);
}

/* More rows than columns: W must satisfy XᵀX W + nλ W = XᵀY, whatever solved it. */
static void solutions_satisfy_the_normal_equations(void **state) {
    (void)state;
    enum { N = 60, P = 17, T = 3 };
    float x[N * (P + 2)];
    double y[N * T];
    double w[P * T];
    for (int i = 0; i < N * (P + 2); i++) x[i] = (float)((i * 7919) % 1009) / 1009.0f;
    for (int i = 0; i < N * T; i++) y[i] = (i * 104729) % 997 / 997.0;
    struct ridge r;
    assert_int_equal(ridge_create(&r, x, P + 2, y, N, P, T, &error), LTM_OK);
    assert_int_equal(ridge_solve(&r, 0.03, w, &error), LTM_OK);
    for (int j = 0; j < P; j++)
        for (int k = 0; k < T; k++) {
            double residual = N * 0.03 * w[j * T + k];
            for (int i = 0; i < N; i++) {
                double e = -r.y[i * T + k];
                for (int q = 0; q < P; q++) e += r.x[i * P + q] * w[q * T + k];
                residual += r.x[i * P + j] * e;
            }
            assert_true(fabs(residual) < 1e-9);
        }
    ridge_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_column_is_shrunk_as_by_hand),
        cmocka_unit_test(fewer_rows_than_columns_come_to_the_same),
        cmocka_unit_test(solutions_satisfy_the_normal_equations),
    };
    return matmul_start(&error) == LTM_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
