/* The contraction of loop.inject = diagonal against its equation, finite differences and its fixed point. */
#include <math.h>

#include "support/layer.h"

#include "nn/contraction.h"

enum { ROWS = 7, DIM = 13 };
enum { CHANNELS = 70 }; /* more than are taken at a time */

static void contraction(struct layer *l) {
    contraction_forward(l->out, l->in[0], l->in[1], l->in[2], l->in[3], ROWS, CHANNELS);
}

static void contraction_is_its_equation_and_differentiates(void **state) {
    (void)state;
    enum { N = ROWS * CHANNELS };
    struct layer l = {
        .in = {test_normal(N, 1, 1), test_normal(N, 2, 1), test_normal(CHANNELS, 3, 1), test_normal(CHANNELS, 4, 1)},
        .out = test_zeros(N),
        .w = test_normal(N, 5, 1),
        .count = N,
        .forward = contraction};
    float *dx = test_zeros(N);
    float *du = test_zeros(N);
    float *drate = test_zeros(CHANNELS);
    float *dstep = test_zeros(CHANNELS);
    contraction(&l);
    for (int i = 0; i < N; i++) {
        const double D = log1p(exp((double)l.in[3][i % CHANNELS]));
        const double A = exp(-D * exp((double)l.in[2][i % CHANNELS]));
        assert_true(fabs((double)l.out[i] - (A * (double)l.in[0][i] + D * (double)l.in[1][i])) < 1e-6);
    }
    contraction_backward(dx, du, drate, dstep, l.w, l.in[0], l.in[1], l.in[2], l.in[3], ROWS, CHANNELS);
    check_gradient("contraction x", l.in[0], dx, N, 1e-2f, layer_loss, &l);
    check_gradient("contraction u", l.in[1], du, N, 1e-2f, layer_loss, &l);
    check_gradient("contraction rate", l.in[2], drate, CHANNELS, 1e-2f, layer_loss, &l);
    check_gradient("contraction step", l.in[3], dstep, CHANNELS, 1e-2f, layer_loss, &l);
    for (int i = 0; i < 4; i++) free(l.in[i]);
    free(l.out), free(l.w), free(dx), free(du), free(drate), free(dstep);
}

/* D u / (1 - A), nearer by A each time; and as it starts that is u. */
static void contraction_approaches_its_fixed_point(void **state) {
    (void)state;
    float *x = test_normal(DIM, 1, 1);
    float *u = test_normal(DIM, 2, 1);
    float *rate = test_normal(DIM, 3, 1);
    float *step = test_normal(DIM, 4, 1);
    rate[0] = CONTRACTION_RATE;
    step[0] = CONTRACTION_STEP;
    const struct contraction begun = contraction_of(rate[0], step[0]);
    assert_true(fabsf(begun.keep * begun.keep - 0.2f) < 1e-6f && fabsf(begun.take + begun.keep - 1) < 1e-6f);
    for (int i = 0; i < 6; i++) {
        float before[DIM];
        memcpy(before, x, sizeof before);
        contraction_forward(x, x, u, rate, step, 1, DIM);
        for (int j = 0; j < DIM; j++) {
            const struct contraction c = contraction_of(rate[j], step[j]);
            const double to = (double)c.take * (double)u[j] / (1 - (double)c.keep);
            assert_true(c.keep > 0 && c.keep < 1);
            assert_true(fabs((double)x[j] - to - (double)c.keep * ((double)before[j] - to)) < 1e-5);
        }
    }
    free(x), free(u), free(rate), free(step);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contraction_is_its_equation_and_differentiates),
        cmocka_unit_test(contraction_approaches_its_fixed_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
