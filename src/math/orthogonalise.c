#include "math/orthogonalise.h"

#include <math.h>
#include <string.h>

#include "math/matmul.h"
#include "math/vector.h"

enum { ITERATIONS = 5 };

static int smaller(int rows, int columns) { return rows < columns ? rows : columns; }

size_t orthogonalise_scratch(int rows, int columns) {
    const size_t side = (size_t)smaller(rows, columns);
    return 2 * side * side + (size_t)rows * (size_t)columns;
}

double orthogonalise_flops(int rows, int columns) {
    const double side = smaller(rows, columns);
    return ITERATIONS * (4 * side * rows * columns + 2 * side * side * side);
}

void orthogonalise(float *x, int rows, int columns, float *scratch) {
    static const float a = 3.4445F;
    static const float b = -4.7750F;
    static const float c = 2.0315F;
    const int side = smaller(rows, columns);
    const size_t n = (size_t)rows * (size_t)columns;
    const size_t square = (size_t)side * (size_t)side;
    float *gram = scratch;
    float *polynomial = scratch + square;
    float *before = scratch + 2 * square;
    vector_scale(x, (float)(1 / (sqrt(vector_sum_squares(x, n)) + 1e-7)), n);
    for (int i = 0; i < ITERATIONS; i++) {
        if (rows <= columns)
            matmul_nt(gram, side, x, columns, x, columns, side, side, columns, 1, 0); /* A = X Xᵀ */
        else
            matmul_tn(gram, side, x, columns, x, columns, side, side, rows, 1, 0); /* A = Xᵀ X */
        memcpy(polynomial, gram, square * sizeof *gram);
        matmul_nn(polynomial, side, gram, side, gram, side, side, side, side, c, b); /* B = b A + c A² */
        memcpy(before, x, n * sizeof *x);
        if (rows <= columns)
            matmul_nn(x, columns, polynomial, side, before, columns, rows, columns, side, 1, a); /* X = a X + B X */
        else
            matmul_nn(x, columns, before, columns, polynomial, side, rows, columns, side, 1, a); /* X = a X + X B */
    }
}
