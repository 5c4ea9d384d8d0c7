#include "nn/rope.h"

#include <math.h>
#include <stddef.h>

void rope_row(float *row, double position, int head_dim) {
    for (int i = 0; i < head_dim / 2; i++) {
        double angle = position * pow(10000.0, -2.0 * i / head_dim);
        row[2 * (size_t)i] = (float)cos(angle);
        row[2 * (size_t)i + 1] = (float)sin(angle);
    }
}

void rope_table(float *table, int positions, int stride, int head_dim) {
    for (int t = 0; t < positions; t++) rope_row(table + (size_t)t * (size_t)head_dim, (double)t * stride, head_dim);
}

static inline void rotate(float *x, int ld, int rows, int length, int heads, int head_dim, const float *table,
                          float direction) {
    for (int t = 0; t < rows; t++) {
        const float *turn = table + (size_t)(t % length) * (size_t)head_dim;
        float *row = x + (size_t)t * (size_t)ld;
        for (int head = 0; head < heads; head++, row += head_dim) {
#pragma omp simd
            for (int i = 0; i < head_dim; i += 2) {
                float c = turn[i];
                float s = direction * turn[i + 1];
                float even = row[i];
                float odd = row[i + 1];
                row[i] = even * c - odd * s;
                row[i + 1] = even * s + odd * c;
            }
        }
    }
}

void rope_forward(float *x, int ld, int rows, int length, int heads, int head_dim, const float *table) {
    rotate(x, ld, rows, length, heads, head_dim, table, 1.0f);
}

void rope_backward(float *dx, int ld, int rows, int length, int heads, int head_dim, const float *table) {
    rotate(dx, ld, rows, length, heads, head_dim, table, -1.0f);
}
