/* A memory that learns while it is read, against the same in double, token by token. */
#include <math.h>

#include "support/unit.h"

#include "support/gradients.h"

#include "nn/neural_memory.h"

enum { H = 6, N = 5, HIDDEN = 4 * H };

static double silu(double a) { return a / (1 + exp(-a)); }
static double silu_slope(double a) {
    const double s = 1 / (1 + exp(-a));
    return s * (1 + a * (1 - s));
}

/* M(k) of one vector; two layers: a = W1 k too. */
static void read_plain(double *y, double *a, const double *M, const float *k, bool deep) {
    const double *last = deep ? M + HIDDEN * H : M;
    for (int i = 0; i < (deep ? HIDDEN : 0); i++) {
        a[i] = 0;
        for (int j = 0; j < H; j++) a[i] += M[i * H + j] * (double)k[j];
    }
    for (int i = 0; i < H; i++) {
        y[i] = 0;
        for (int j = 0; j < (deep ? HIDDEN : H); j++)
            y[i] += deep ? last[i * HIDDEN + j] * silu(a[j]) : last[i * H + j] * (double)k[j];
    }
}

/* One chunk: S ← η S - Σ θ ∇ ½ |M(k) - v|², M ← (1 - α) M + S. */
static void learn_plain(double *M, double *S, const float *k, const float *v, const float *rate, double momentum,
                        double forget, bool deep) {
    const int size = deep ? 2 * HIDDEN * H : H * H;
    for (int i = 0; i < size; i++) S[i] *= momentum;
    for (int t = 0; t < N; t++) {
        double y[H];
        double a[HIDDEN];
        read_plain(y, a, M, k + t * H, deep);
        for (int i = 0; i < H; i++) {
            const double e = (double)rate[t] * (y[i] - (double)v[t * H + i]);
            for (int j = 0; j < (deep ? 0 : H); j++) S[i * H + j] -= e * (double)k[t * H + j];
            for (int j = 0; j < (deep ? HIDDEN : 0); j++) {
                S[HIDDEN * H + i * HIDDEN + j] -= e * silu(a[j]);
                const double b = e * M[HIDDEN * H + i * HIDDEN + j] * silu_slope(a[j]);
                for (int l = 0; l < H; l++) S[j * H + l] -= b * (double)k[t * H + l];
            }
        }
    }
    for (int i = 0; i < size; i++) M[i] = (1 - forget) * M[i] + S[i];
}

/* Two chunks, so that the second reads what the first has written, with its momentum. */
static void check_learning(bool deep) {
    const struct neural_memory m = {H, deep};
    const size_t size = neural_memory_size(m);
    float *M = test_normal(size, 1, 0.3f);
    float *S = test_normal(size, 2, 0.1f);
    float *scratch = test_zeros(neural_memory_scratch(m, N) + 1);
    float *a = test_zeros(N * HIDDEN);
    float y[N * H];
    double plain_M[2 * HIDDEN * H];
    double plain_S[2 * HIDDEN * H];
    for (size_t i = 0; i < size; i++) {
        plain_M[i] = (double)M[i];
        plain_S[i] = (double)S[i];
    }
    for (uint32_t chunk = 0; chunk < 2; chunk++) {
        float *k = test_normal(N * H, 3 + chunk, 0.5f);
        float *v = test_normal(N * H, 5 + chunk, 1);
        const float rate[N] = {0.1f, 0.5f, 0, 0.3f, 1};
        neural_memory_read(y, a, k, M, m, N, scratch);
        neural_memory_error(y, y, v, H, rate, 1, N, H);
        neural_memory_write((struct memory_pair){M, S}, (struct memory_pair){M, S}, k, y, a, 0.6f, 0.1f, m, N, scratch);
        learn_plain(plain_M, plain_S, k, v, rate, (double)0.6f, (double)0.1f, deep);
        for (size_t i = 0; i < size; i++) {
            assert_true(fabs((double)M[i] - plain_M[i]) < 2e-6);
            assert_true(fabs((double)S[i] - plain_S[i]) < 2e-6);
        }
        free(k), free(v);
    }
    free(M), free(S), free(scratch), free(a);
}

static void a_chunk_learns_as_the_plain_loop_does(void **state) {
    (void)state;
    check_learning(false);
    check_learning(true);
}

/* Linear, no momentum, one token: M (1 - α) - θ (M k - v) kᵀ. */
static void one_token_is_the_gated_delta_rule(void **state) {
    (void)state;
    const struct neural_memory m = {H, false};
    float *M = test_normal(H * H, 1, 1);
    float *before = test_normal(H * H, 1, 1);
    float *S = test_zeros(H * H);
    float *k = test_normal(H, 2, 1);
    float *v = test_normal(H, 3, 1);
    const float rate = 0.7f;
    const float forget = 0.2f;
    float e[H];
    neural_memory_read(e, NULL, k, M, m, 1, NULL);
    neural_memory_error(e, e, v, H, &rate, 1, 1, H);
    neural_memory_write((struct memory_pair){M, S}, (struct memory_pair){M, S}, k, e, NULL, 0, forget, m, 1, NULL);
    for (int i = 0; i < H; i++) {
        double y = 0;
        for (int j = 0; j < H; j++) y += (double)before[i * H + j] * (double)k[j];
        for (int j = 0; j < H; j++) {
            const double expected =
                (double)before[i * H + j] * (1 - (double)forget) - (double)rate * (y - (double)v[i]) * (double)k[j];
            assert_true(fabs((double)M[i * H + j] - expected) < 2e-6);
        }
    }
    free(M), free(before), free(S), free(k), free(v);
}

/* A key of length 1 at rate 1: v is what it reads from then on. */
static void a_rate_of_one_puts_the_value_where_the_key_reads(void **state) {
    (void)state;
    const struct neural_memory m = {H, false};
    float *M = test_normal(H * H, 1, 1);
    float *S = test_zeros(H * H);
    float *v = test_normal(H, 3, 1);
    const float k[H] = {0.6f, 0, 0.8f};
    const float rate = 1;
    float y[H];
    neural_memory_read(y, NULL, k, M, m, 1, NULL);
    neural_memory_error(y, y, v, H, &rate, 1, 1, H);
    neural_memory_write((struct memory_pair){M, S}, (struct memory_pair){M, S}, k, y, NULL, 0, 0, m, 1, NULL);
    neural_memory_read(y, NULL, k, M, m, 1, NULL);
    for (int i = 0; i < H; i++) assert_true(fabsf(y[i] - v[i]) < 1e-5f);
    free(M), free(S), free(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_learns_as_the_plain_loop_does),
        cmocka_unit_test(one_token_is_the_gated_delta_rule),
        cmocka_unit_test(a_rate_of_one_puts_the_value_where_the_key_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
