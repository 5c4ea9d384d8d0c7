/* Orthogonalisation against the exact polar factor and a float64 twin. */
#include <math.h>

#include "support/gradients.h"
#include "support/orthogonalise.h"

#include "math/orthogonalise.h"

/* Against the twin, also of the transpose. A few roundings of 2^-24 of sums of `columns` terms grow at most 3.4^5 times. */
static void check(int rows, int columns) {
    const size_t n = (size_t)rows * (size_t)columns;
    float *x = test_normal(n, 3, 0.7f);
    float *turned = test_zeros(n);
    float *scratch = test_zeros(orthogonalise_scratch(rows, columns));
    double *expected = malloc(sizeof *expected * n);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) turned[j * rows + i] = x[i * columns + j];
    for (size_t i = 0; i < n; i++) expected[i] = (double)x[i];
    test_orthogonalise(expected, rows, columns);
    orthogonalise(x, rows, columns, scratch);
    orthogonalise(turned, columns, rows, scratch);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            const double want = expected[i * columns + j];
            if (!(fabs((double)x[i * columns + j] - want) <= 2e-4) ||
                !(fabs((double)turned[j * rows + i] - want) <= 2e-4))
                fail_msg("%d x %d, entry %d, %d: %g and, transposed, %g, not %g", rows, columns, i, j,
                         (double)x[i * columns + j], (double)turned[j * rows + i], want);
        }
    free(x), free(turned), free(scratch), free(expected);
}

static void it_is_the_float64_twin(void **state) {
    (void)state;
    check(1, 1);
    check(1, 17);
    check(7, 19);
    check(24, 24);
    check(33, 130);
}

/* X = U S Vᵀ of known factors, U and V reflections I - 2 v vᵀ: what comes out must be U S' Vᵀ with S' in the published band. */
static void singular_values_come_into_the_band_and_vectors_stay(void **state) {
    (void)state;
    enum { SIDE = 12 };
    double u[SIDE][SIDE];
    double v[SIDE][SIDE];
    float x[SIDE * SIDE];
    float scratch[4 * SIDE * SIDE];
    float *a = test_normal(SIDE, 1, 1);
    float *b = test_normal(SIDE, 2, 1);
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < SIDE; i++) aa += (double)a[i] * a[i], bb += (double)b[i] * b[i];
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            u[i][j] = (i == j) - 2 * (double)a[i] * a[j] / aa;
            v[i][j] = (i == j) - 2 * (double)b[i] * b[j] / bb;
        }
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            double sum = 0;
            for (int k = 0; k < SIDE; k++) sum += u[i][k] * pow(0.6, k) * v[j][k]; /* from 1 to .0036 */
            x[i * SIDE + j] = (float)sum;
        }
    orthogonalise(x, SIDE, SIDE, scratch);
    for (int k = 0; k < SIDE; k++)
        for (int l = 0; l < SIDE; l++) { /* Uᵀ X V */
            double sum = 0;
            for (int i = 0; i < SIDE; i++)
                for (int j = 0; j < SIDE; j++) sum += u[i][k] * (double)x[i * SIDE + j] * v[j][l];
            if (k == l ? !(sum > 0.67 && sum < 1.21) : !(fabs(sum) < 2e-3))
                fail_msg("entry %d, %d in the basis of singular vectors is %g", k, l, sum);
        }
    free(a), free(b);
}

static void zeros_stay(void **state) {
    (void)state;
    float x[12] = {0};
    float scratch[64];
    orthogonalise(x, 3, 4, scratch);
    for (int i = 0; i < 12; i++) assert_true(x[i] == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_float64_twin),
        cmocka_unit_test(singular_values_come_into_the_band_and_vectors_stay),
        cmocka_unit_test(zeros_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
