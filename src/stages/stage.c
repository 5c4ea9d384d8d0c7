#include "stages/stage.h"

#include <string.h>

#include <omp.h>

#include "nn/rmsnorm.h"

void stage_begin_sum(const struct stage_io *io) {
    const size_t bytes = shape_floats(&io->shape) * sizeof(float);
    if (io->kept)
        memset(io->out, 0, bytes);
    else
        memcpy(io->out, io->in, bytes);
}

void stage_end_sum(const struct stage_io *io) {
    const size_t n = shape_floats(&io->shape);
    if (!io->kept) return;
#pragma omp simd
    for (size_t i = 0; i < n; i++) io->out[i] = io->in[i] + io->kept_scale * (float)io->kept[i] * io->out[i];
}

const float *stage_sum_gradient(const struct stage_io *io, float *scratch) {
    const size_t n = shape_floats(&io->shape);
    if (!io->kept) return io->dh;
#pragma omp simd
    for (size_t i = 0; i < n; i++) scratch[i] = io->kept_scale * (float)io->kept[i] * io->dh[i];
    return scratch;
}

struct stage_share stage_share(int count) {
    const int64_t me = omp_get_thread_num();
    const int64_t all = omp_get_num_threads();
    return (struct stage_share){(int)(count * me / all), (int)(count * (me + 1) / all)};
}

void stage_meet(void) {
#pragma omp barrier
}

void stage_product(const struct stage_step *io, float *y, const float *x, const struct row_weight *w, bool add) {
    row_product(y, w->out, x, w->in, w, io->rows, add, omp_get_thread_num(), omp_get_num_threads());
    stage_meet();
}

void stage_norm(const struct stage_step *io, float *x, const float *gain) {
    const struct stage_share mine = stage_share(io->rows);
    const int d = io->config->dim;
    const size_t at = (size_t)mine.from * (size_t)d;
    rmsnorm_forward(x + at, NULL, io->h + at, gain, mine.to - mine.from, d);
    stage_meet();
}
