/* Finite differences against a backward pass, in fp32.
 *
 * Every entry of an array moves by ±h at once, in a random pattern of signs v, so the directional derivative v·g is about
 * |g| in size and a wrong entry shows. The five-point rule leaves an error of order h^4. A loss L, summed in double over
 * numbers rounded to 2^-24, is off by about 1e-7 |L| / sqrt(numbers); over h = 1e-2 that is far below the tolerance of
 * 2e-3 |g| (but where g is one small number: 1e-7 |L| / h is allowed besides), and a missing term or a wrong sign is far above it. */
#ifndef TESTS_GRADIENTS_H
#define TESTS_GRADIENTS_H

#include <math.h>

#include "support/unit.h"

#include "base/random.h"

static inline float *test_normal(size_t n, uint32_t which, float scale) {
    float *x = malloc((n ? n : 1) * sizeof *x);
    assert_non_null(x);
    random_normal(x, n, (struct random_key){.seed = 42, .purpose = 99, .sequence = which});
    for (size_t i = 0; i < n; i++) x[i] *= scale;
    return x;
}

static inline float *test_zeros(size_t n) {
    float *x = calloc(n ? n : 1, sizeof *x);
    assert_non_null(x);
    return x;
}

/* Σ w y, the scalar that layer tests differentiate: its gradient with respect to y is w. */
static inline double test_weigh(const float *w, const float *y, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)w[i] * y[i];
    return sum;
}

static inline double test_moved(float *x, const float *saved, const float *sign, size_t n, float by,
                                double (*loss)(void *), void *user) {
    for (size_t i = 0; i < n; i++) x[i] = saved[i] + by * sign[i];
    double value = loss(user);
    memcpy(x, saved, n * sizeof *x);
    return value;
}

static inline void check_gradient(const char *what, float *x, const float *gradient, size_t n, float h,
                                  double (*loss)(void *), void *user) {
    const double tolerance = 2e-3;
    float *saved = malloc(n * sizeof *x);
    float *sign = malloc(n * sizeof *x);
    assert_non_null(saved);
    assert_non_null(sign);
    memcpy(saved, x, n * sizeof *x);
    double size = 0;
    for (size_t i = 0; i < n; i++) size += (double)gradient[i] * gradient[i];
    size = sqrt(size);
    const double rounding = 1e-7 * fabs(loss(user)) / (double)h;
    for (uint32_t trial = 0; trial < 4; trial++) {
        double exact = 0;
        for (size_t i = 0; i < n; i++) {
            sign[i] = random_bits((struct random_key){.seed = 7, .sequence = trial}, (uint32_t)i) & 1 ? 1.0f : -1.0f;
            exact += (double)sign[i] * gradient[i];
        }
        double near = test_moved(x, saved, sign, n, h, loss, user) - test_moved(x, saved, sign, n, -h, loss, user);
        double far =
            test_moved(x, saved, sign, n, 2 * h, loss, user) - test_moved(x, saved, sign, n, -2 * h, loss, user);
        double numeric = (8 * near - far) / (12 * (double)h);
        if (!(fabs(numeric - exact) <= tolerance * size + rounding))
            fail_msg("%s: finite differences %.6g, backward %.6g, size of the gradient %.6g", what, numeric, exact,
                     size);
    }
    free(saved);
    free(sign);
}

#endif
