/* Products of a few rows against the plain twin, over odd shapes, and the promise that a row's bits are its own. */
#include <math.h>

#include "support/gradients.h"

#include "math/matmul.h"
#include "math/row_products.h"

static void check(int rows, int out, int in, bool in_half, bool add) {
    const int ldx = in + 3;
    const int ldy = out + 5;
    const int ld = in + 2;
    float *x = test_normal((size_t)(rows * ldx), 1, 1);
    float *w = test_normal((size_t)(out * ld), 2, 1);
    float *y = test_normal((size_t)(rows * ldy), 3, 1);
    float *plain = malloc((size_t)(rows * ldy) * sizeof *plain);
    float *shared = malloc((size_t)(rows * ldy) * sizeof *shared);
    float *row = malloc((size_t)ldy * sizeof *row);
    bf16 *half = malloc((size_t)(out * ld) * sizeof *half);
    memcpy(plain, y, (size_t)(rows * ldy) * sizeof *y);
    memcpy(shared, y, (size_t)(rows * ldy) * sizeof *y);
    bf16_round(half, w, (size_t)(out * ld));
    const struct row_weight weight = {.full = w, .half = in_half ? half : NULL, .out = out, .in = in, .ld = ld};
    if (in_half)
        for (int i = 0; i < out * ld; i++) w[i] = bf16_value(half[i]); /* what the product must be of, exactly */
    for (int r = 0; r < rows; r++) {                                   /* each row alone, before y is overwritten */
        memcpy(row, y + (size_t)(r * ldy), (size_t)ldy * sizeof *row);
        row_product(row, ldy, x + (size_t)(r * ldx), ldx, &weight, 1, add, 0, 1);
        memcpy(shared + (size_t)(r * ldy), row, (size_t)out * sizeof *row);
    }
    row_product(y, ldy, x, ldx, &weight, rows, add, 0, 1);
    assert_memory_equal(shared, y, (size_t)(rows * ldy) * sizeof *y);
    memcpy(shared, plain, (size_t)(rows * ldy) * sizeof *y);
    for (int part = 2; part >= 0; part--) row_product(shared, ldy, x, ldx, &weight, rows, add, part, 3);
    assert_memory_equal(shared, y, (size_t)(rows * ldy) * sizeof *y);
    matmul_plain_nt(plain, ldy, x, ldx, w, ld, rows, out, in, 1, add ? 1 : 0);
    /* A sum of `in` products of normal numbers has size √in; each of its roundings is 2^-24 of that at most. */
    for (int i = 0; i < rows * ldy; i++)
        if (fabsf(y[i] - plain[i]) > 1e-6f * (float)(in + 4))
            fail_msg("(%d, %d) x %d: entry %d is %g, not %g", rows, out, in, i, (double)y[i], (double)plain[i]);
    free(x), free(w), free(y), free(plain), free(shared), free(row), free(half);
}

static void products_are_the_plain_ones_and_rows_their_own(void **state) {
    (void)state;
    const int rows[] = {1, 2, 3, 5, 6, 7, 13, 33};
    const int outs[] = {1, 3, 4, 9, 61};
    const int ins[] = {1, 2, 15, 16, 17, 37, 128};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof outs / sizeof *outs; j++)
            for (size_t k = 0; k < sizeof ins / sizeof *ins; k++)
                for (int kind = 0; kind < 4; kind++) check(rows[i], outs[j], ins[k], kind % 2, kind / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(products_are_the_plain_ones_and_rows_their_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
