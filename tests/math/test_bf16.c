/* Products in bf16 against plain ones over odd shapes, and rounding to bf16 bit by bit. Skipped where the build or the machine
 * has no bf16, but for the rounding. */
#include <float.h>
#include <math.h>
#include <sys/resource.h>

#include "support/gradients.h"

#include "math/bf16.h"
#include "math/matmul.h"
#include "nn/output_loss.h"

static bf16 rounded(float x) {
    bf16 y;
    bf16_round(&y, &x, 1);
    return y;
}

static float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void rounding_is_to_nearest_with_ties_to_even(void **state) {
    (void)state;
    assert_int_equal(rounded(from_bits(0x3f800000)), 0x3f80);
    assert_int_equal(rounded(from_bits(0x3f807fff)), 0x3f80);
    assert_int_equal(rounded(from_bits(0x3f808000)), 0x3f80); /* a tie, to the even one below */
    assert_int_equal(rounded(from_bits(0x3f808001)), 0x3f81);
    assert_int_equal(rounded(from_bits(0x3f818000)), 0x3f82); /* a tie, to the even one above */
    assert_int_equal(rounded(from_bits(0xbf818000)), 0xbf82);
    assert_int_equal(rounded(from_bits(0x3fffffff)), 0x4000); /* a carry into the exponent */
    assert_int_equal(rounded(FLT_MAX), 0x7f80);               /* nearer to infinity than to what bf16 holds */
    assert_int_equal(rounded(-0.0f), 0x8000);
    assert_int_equal(rounded(INFINITY), 0x7f80);
    assert_int_equal(rounded(-INFINITY), 0xff80);
    for (uint32_t low = 0; low < 0x10000; low += 0xfff) {
        assert_true(isnan(bf16_value(rounded(from_bits(0x7f800001 + low)))));
        assert_true(isnan(bf16_value(rounded(from_bits(0xffff0000 + low)))));
    }
    for (uint32_t upper = 0; upper < 0x10000; upper++) {
        const float x = bf16_value((bf16)upper);
        if (!isnan(x)) assert_int_equal(rounded(x), upper); /* what bf16 holds stays */
    }
}

/* x as bf16 holds it, so that a plain product of such numbers is what the backend should compute. */
static float *rounded_normal(size_t n, uint64_t seed) {
    float *x = test_normal(n, seed, 1);
    for (size_t i = 0; i < n; i++) x[i] = bf16_value(rounded(x[i]));
    return x;
}

/* Products of two bf16 numbers are exact in fp32, so what differs from the plain product is the order of an fp32 sum: k terms
 * of size 1 with partial sums of size √k, as test_matmul argues. Blocks of it may lie elsewhere than the sum it is added to. */
static void near(const char *what, const float *got, const float *expected, size_t n, int k) {
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(got[i] - expected[i]) <= 1e-6f + 2e-7f * (float)k))
            fail_msg("%s: entry %zu is %.9g, not %.9g", what, i, got[i], expected[i]);
}

static void check(struct bf16_work *work, int rows, int out, int in) {
    const size_t r = (size_t)rows;
    const size_t o = (size_t)out;
    const size_t i = (size_t)in;
    float *w = rounded_normal(o * i, 1);
    float *x = rounded_normal(r * i, 2);
    float *dy = rounded_normal(r * o, 3);
    struct linear linear = {.weight = w, .out = out, .in = in};
    assert_int_equal(bf16_weight_create(&linear.packed, out, in, NULL), LTM_OK);
    assert_int_equal(bf16_weight_pack(linear.packed, BF16_FORWARD, w, NULL), LTM_OK);
    assert_int_equal(bf16_weight_pack(linear.packed, BF16_BACKWARD, w, NULL), LTM_OK);
    struct linear_call call;
    for (int add = 0; add < 2; add++) {
        float *got = test_normal(r * o, 4, 1);
        float *expected = test_normal(r * o, 4, 1);
        assert_int_equal(linear_prepare(&call, work, &linear, rows, add, true, NULL), LTM_OK);
        linear_forward(&call, got, x);
        matmul_plain_nt(expected, out, x, in, w, in, rows, out, in, 1, (float)add);
        near("forward", got, expected, r * o, in);
        free(got), free(expected);
    }
    float *dx = test_normal(r * i, 5, 1);
    float *dw = test_normal(o * i, 7, 1);
    float *expected = test_normal(r * i, 6, 1);
    linear_backward(&call, dx, dw, dy, x);
    matmul_plain_nn(expected, in, dy, out, w, in, rows, in, out, 1, 0);
    near("backward to the input", dx, expected, r * i, out);
    free(dx), free(expected);
    expected = test_normal(o * i, 7, 1);
    matmul_plain_tn(expected, in, dy, out, x, in, out, in, rows, 1, 1);
    near("backward to the weight", dw, expected, o * i, rows);
    free(dw), free(expected);
    bf16_weight_free(linear.packed);
    free(w), free(x), free(dy);
}

static void need_bf16(void) {
    if (!bf16_missing()) return;
    print_message("skipped: %s\n", bf16_missing());
    skip();
}

static void products_are_the_plain_ones(void **state) {
    (void)state;
    need_bf16();
    const int shapes[][3] = {{1, 1, 1},     {1, 37, 19},    {7, 1, 5},    {13, 29, 1},   {64, 64, 64},
                             {67, 129, 33}, {130, 17, 257}, {31, 8, 64},  {255, 96, 65}, {1000, 63, 15},
                             {37, 1000, 3}, {3, 5, 1500},   {65, 130, 2}, {1024, 48, 16}};
    struct bf16_work *work;
    assert_int_equal(bf16_work_create(&work, NULL), LTM_OK);
    /* Twice over: the second time all products are made already and the rooms are as large as they get. */
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            check(work, shapes[i][0], shapes[i][1], shapes[i][2]);
    bf16_work_free(work);
}

/* Three calls, then two that are caught up with, and one of other rows between them, which does not wait: as without a backlog. */
static void a_backlog_puts_products_off(void **state) {
    (void)state;
    need_bf16();
    enum { ROWS = 24, FEW = 10, CALLS = 5, TOGETHER = 3, OUT = 37, IN = 51, ALL = ROWS * CALLS };
    static bf16 room[ROWS * TOGETHER * (OUT + IN)];
    float *w = test_normal(OUT * IN, 1, 1);
    float *x = rounded_normal(ALL * IN, 2);
    float *dy = rounded_normal(ALL * OUT, 3);
    float *dx = test_zeros(ROWS * IN);
    float *dw[2] = {test_zeros(OUT * IN), test_zeros(OUT * IN)};
    float *expected = test_zeros(OUT * IN);
    struct linear_backlog backlog = {
        .dy = room, .x = room + ROWS * TOGETHER * OUT, .room = ROWS * TOGETHER, .times = CALLS};
    struct linear linear = {.weight = w, .out = OUT, .in = IN};
    struct bf16_work *work;
    struct linear_call call;
    struct linear_call few;
    assert_int_equal(linear_backlog_rows(ROWS, CALLS), ROWS * CALLS);
    assert_int_equal(linear_backlog_rows(100, 6), 300);
    assert_int_equal(linear_backlog_rows(300, 6), 0);
    assert_int_equal(linear_backlog_rows(ROWS, 1), 0);
    assert_int_equal(bf16_work_create(&work, NULL), LTM_OK);
    assert_int_equal(bf16_weight_create(&linear.packed, OUT, IN, NULL), LTM_OK);
    assert_int_equal(bf16_weight_pack(linear.packed, BF16_BACKWARD, w, NULL), LTM_OK);
    for (int later = 0; later < 2; later++) {
        if (later) linear.backlog = &backlog;
        assert_int_equal(linear_prepare(&few, work, &linear, FEW, false, true, NULL), LTM_OK);
        assert_int_equal(linear_prepare(&call, work, &linear, ROWS, false, true, NULL), LTM_OK);
        for (int i = 0; i < CALLS; i++) {
            const size_t at = (size_t)i * ROWS;
            linear_backward(&call, dx, dw[later], dy + at * OUT, x + at * IN);
            if (later && i < TOGETHER - 1) assert_memory_equal(dw[1], expected, sizeof(float) * OUT * IN);
            if (i == TOGETHER) linear_backward(&few, dx, dw[later], dy, x);
        }
    }
    assert_int_equal(backlog.kept, ROWS * (CALLS - TOGETHER));
    linear_catch_up(&linear);
    assert_int_equal(backlog.kept, 0);
    near("put off", dw[1], dw[0], OUT * IN, ALL + FEW);
    matmul_plain_tn(expected, IN, dy, OUT, x, IN, OUT, IN, ALL, 1, 1);
    matmul_plain_tn(expected, IN, dy, OUT, x, IN, OUT, IN, FEW, 1, 1);
    near("put off, in double", dw[1], expected, OUT * IN, ALL + FEW);
    bf16_work_free(work);
    bf16_weight_free(linear.packed);
    free(w), free(x), free(dy), free(dx), free(dw[0]), free(dw[1]), free(expected);
}

/* Of numbers that bf16 does not hold, each operand is off by up to 2^-9 of itself: a sum of k products by about 2^-8 √k, and
 * by less than four times that anywhere in some thousands of sums. */
static void operands_are_rounded_and_nothing_else_is(void **state) {
    (void)state;
    need_bf16();
    enum { ROWS = 61, OUT = 75, IN = 203 };
    float *w = test_normal(OUT * IN, 1, 1);
    float *x = test_normal(ROWS * IN, 2, 1);
    float *got = test_zeros(ROWS * OUT);
    float *expected = test_zeros(ROWS * OUT);
    struct linear linear = {.weight = w, .out = OUT, .in = IN};
    struct bf16_work *work;
    assert_int_equal(bf16_work_create(&work, NULL), LTM_OK);
    assert_int_equal(bf16_weight_create(&linear.packed, OUT, IN, NULL), LTM_OK);
    assert_int_equal(bf16_weight_pack(linear.packed, BF16_FORWARD, w, NULL), LTM_OK);
    struct linear_call call;
    assert_int_equal(linear_prepare(&call, work, &linear, ROWS, false, false, NULL), LTM_OK);
    linear_forward(&call, got, x);
    matmul_plain_nt(expected, OUT, x, IN, w, IN, ROWS, OUT, IN, 1, 0);
    double squares = 0;
    for (int i = 0; i < ROWS * OUT; i++) {
        const double off = fabs((double)got[i] - expected[i]);
        assert_true(off <= 4 * sqrt(IN) / 256);
        squares += off * off;
    }
    assert_true(squares > 0); /* it was bf16 */
    x[3 * IN + 5] = NAN;      /* a NaN is seen, in its row alone */
    linear_forward(&call, got, x);
    for (int i = 0; i < ROWS * OUT; i++) assert_int_equal(isnan(got[i]) != 0, i / OUT == 3);
    bf16_work_free(work);
    bf16_weight_free(linear.packed);
    free(w), free(x), free(got), free(expected);
}

/* A thread's product alone, and among others that run at once; also outside of any parallel region. */
static void bits_do_not_depend_on_threads(void **state) {
    (void)state;
    need_bf16();
    enum { ROWS = 300, OUT = 96, IN = 160, THREADS = 4 };
    float *w = test_normal(OUT * IN, 1, 1);
    float *x = test_normal(ROWS * IN, 2, 1);
    float *y[THREADS + 1];
    struct linear linear = {.weight = w, .out = OUT, .in = IN};
    assert_int_equal(bf16_weight_create(&linear.packed, OUT, IN, NULL), LTM_OK);
    assert_int_equal(bf16_weight_pack(linear.packed, BF16_FORWARD, w, NULL), LTM_OK);
    for (int i = 0; i <= THREADS; i++) y[i] = test_zeros(ROWS * OUT);
#pragma omp parallel for num_threads(THREADS) schedule(static, 1)
    for (int i = 0; i < THREADS; i++) {
        struct bf16_work *work;
        struct linear_call call;
        if (bf16_work_create(&work, NULL) == LTM_OK &&
            linear_prepare(&call, work, &linear, ROWS, false, false, NULL) == LTM_OK)
            linear_forward(&call, y[i], x);
        bf16_work_free(work);
    }
    struct bf16_work *work;
    assert_int_equal(bf16_work_create(&work, NULL), LTM_OK);
    struct linear_call call;
    assert_int_equal(linear_prepare(&call, work, &linear, ROWS, false, false, NULL), LTM_OK);
    linear_forward(&call, y[THREADS], x);
    bf16_work_free(work);
    for (int i = 0; i < THREADS; i++) assert_memory_equal(y[i], y[THREADS], sizeof(float) * ROWS * OUT);
    for (int i = 0; i <= THREADS; i++) free(y[i]);
    bf16_weight_free(linear.packed);
    free(w), free(x);
}

/* Those of whole blocks wait, as they are the most; a rest is multiplied at once. */
static void a_block_of_the_output_layer_is_put_off(void **state) {
    (void)state;
    need_bf16();
    enum { V = 12000, D = 2, BLOCK = 128, REST = 32, TIMES = 4 };
    const int32_t targets[BLOCK + REST] = {0};
    float *w = test_normal(V * D, 1, 1);
    float *x = test_normal((BLOCK + REST) * D, 2, 1);
    float *dx = test_zeros((BLOCK + REST) * D);
    float *de = test_zeros(V * D);
    float *nll = test_zeros(BLOCK + REST);
    float *scratch = test_zeros(output_loss_scratch(V, BLOCK + REST));
    bf16 *room = calloc((size_t)BLOCK * TIMES * (V + D), sizeof *room);
    struct linear_backlog backlog = {
        .dy = room, .x = room + (size_t)BLOCK * TIMES * V, .room = BLOCK * TIMES, .times = TIMES};
    struct linear e = {.weight = w, .out = V, .in = D, .backlog = &backlog};
    struct bf16_work *work;
    struct output_calls calls;
    assert_int_equal(output_loss_rows(V), BLOCK);
    assert_int_equal(bf16_work_create(&work, NULL), LTM_OK);
    assert_int_equal(bf16_weight_create(&e.packed, V, D, NULL), LTM_OK);
    assert_int_equal(bf16_weight_pack(e.packed, BF16_BACKWARD, w, NULL), LTM_OK);
    assert_int_equal(output_loss_prepare(&calls, work, &e, BLOCK + REST, true, NULL), LTM_OK);
    output_loss(&calls, nll, dx, de, x, targets, NULL, BLOCK + REST, 0, scratch);
    assert_int_equal(backlog.kept, BLOCK);
    bf16_work_free(work);
    bf16_weight_free(e.packed);
    free(w), free(x), free(dx), free(de), free(nll), free(scratch), free(room);
}

/* It is never made in fp32 instead, which would give other bits. */
static void a_product_that_cannot_be_prepared_is_an_error(void **state) {
    (void)state;
    need_bf16();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* they need address space without a limit */
#endif
    enum { SIDE = 64, ROWS = 1 << 30 }; /* 128 GiB of operands in bf16 */
    struct rlimit before;
    struct ltm_error error = {0};
    struct bf16_work *work;
    struct linear_call call;
    float *w = test_normal(SIDE * SIDE, 1, 1);
    struct linear linear = {.weight = w, .out = SIDE, .in = SIDE};
    assert_int_equal(bf16_work_create(&work, NULL), LTM_OK);
    assert_int_equal(bf16_weight_create(&linear.packed, SIDE, SIDE, NULL), LTM_OK);
    getrlimit(RLIMIT_AS, &before);
    setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)64 << 30, before.rlim_max});
    const ltm_status status = linear_prepare(&call, work, &linear, ROWS, false, true, &error);
    setrlimit(RLIMIT_AS, &before);
    assert_int_equal(status, LTM_MEMORY);
    assert_non_null(strstr(error.message, "in bf16"));
    bf16_work_free(work);
    bf16_weight_free(linear.packed);
    free(w);
}

static void peak_is_a_rate(void **state) {
    (void)state;
    const double peak = bf16_peak(1, 0.02);
    assert_true(bf16_missing() ? peak == 0 : peak > 1e7 && isfinite(peak));
}

int main(void) {
    print_message("backend: %s; %s\n", bf16_backend(), bf16_missing() ? bf16_missing() : "bf16 is here");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_is_to_nearest_with_ties_to_even),
        cmocka_unit_test(products_are_the_plain_ones),
        cmocka_unit_test(a_backlog_puts_products_off),
        cmocka_unit_test(a_block_of_the_output_layer_is_put_off),
        cmocka_unit_test(operands_are_rounded_and_nothing_else_is),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(a_product_that_cannot_be_prepared_is_an_error),
        cmocka_unit_test(peak_is_a_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
