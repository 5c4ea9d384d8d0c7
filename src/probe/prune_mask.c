#include "probe/prune_mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/safetensors.h"
#include "model/model_file.h"

ltm_status prune_matrices_create(struct prune_matrices *matrices, const struct weight_table *table,
                                 struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *matrices = (struct prune_matrices){.table = table};
    TRY(NEW_ARRAY(matrices->rows, (size_t)table->count, "masks", error));
    TRY(NEW_ARRAY(matrices->begins, (size_t)table->count + 1, "masks", error));
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        if (w->rank != 2 || w->optimiser != WEIGHT_MATRIX || strncmp(w->name, "layers.", 7) != 0) continue;
        const int k = matrices->count++;
        matrices->rows[k] = i;
        matrices->begins[k + 1] = matrices->begins[k] + weight_size(w);
    }
    return LTM_OK;
cleanup:
    prune_matrices_free(matrices);
    return status;
}

void prune_matrices_free(struct prune_matrices *matrices) {
    free(matrices->rows);
    free(matrices->begins);
    *matrices = (struct prune_matrices){0};
}

/* The k-th highest of n numbers, k from 1, which change places (quickselect). */
static float kth_highest(float *x, size_t n, size_t k) {
    size_t first = 0;
    size_t end = n;
    while (end - first > 1) {
        const float pivot = x[first + (end - first) / 2];
        size_t above = first; /* x[first … above) > pivot, x[above … at) = pivot, x[below … end) < pivot */
        size_t below = end;
        for (size_t at = first; at < below;) {
            const float value = x[at];
            if (value > pivot) {
                x[at++] = x[above];
                x[above++] = value;
            } else if (value < pivot) {
                x[at] = x[--below];
                x[below] = value;
            } else
                at++;
        }
        if (k <= above)
            end = above;
        else if (k > below)
            first = below;
        else
            return pivot;
    }
    return x[first];
}

void prune_select(uint8_t *mask, const float *scores, size_t n, size_t keep, float *room) {
    if (keep == 0 || keep >= n) {
        memset(mask, keep != 0, n);
        return;
    }
    memcpy(room, scores, n * sizeof *room);
    const float least = kth_highest(room, n, keep);
    for (size_t i = 0; i < n; i++) keep -= mask[i] = scores[i] > least;
    for (size_t i = 0; i < n && keep; i++)
        if (scores[i] == least) mask[i] = 1, keep--;
}

void prune_random(uint8_t *random, const struct prune_matrices *matrices, const uint8_t *mask, uint64_t seed,
                  int number, float *room) {
    float *numbers = room + prune_size(matrices);
    for (int k = 0; k < matrices->count; k++) {
        const size_t at = matrices->begins[k];
        const size_t n = matrices->begins[k + 1] - at;
        random_normal(
            numbers, n,
            (struct random_key){
                .seed = seed, .purpose = RANDOM_PROBE, .step = (uint32_t)number, .sequence = 3, .fast = (uint32_t)k});
        prune_select(random + at, numbers, n, (size_t)prune_kept(matrices, mask, k), room);
    }
}

void prune_magnitudes(float *scores, const float *weights, const struct prune_matrices *matrices, double scale) {
    for (int k = 0; k < matrices->count; k++) {
        const struct weight *w = &matrices->table->weights[matrices->rows[k]];
        const float *values = weights + w->offset;
        double squares = 0;
        for (size_t i = 0; i < weight_size(w); i++) squares += (double)values[i] * (double)values[i];
        const double size = sqrt(squares / (double)weight_size(w));
        for (size_t i = 0; i < weight_size(w); i++)
            scores[matrices->begins[k] + i] = size > 0 ? (float)(scale * fabs((double)values[i]) / size) : 0;
    }
}

void prune_apply(float *masked, const float *weights, const struct prune_matrices *matrices, const uint8_t *mask,
                 bool complement) {
    memcpy(masked, weights, matrices->table->size * sizeof *masked);
    for (int k = 0; k < matrices->count; k++) {
        float *own = masked + matrices->table->weights[matrices->rows[k]].offset;
        for (size_t i = matrices->begins[k]; i < matrices->begins[k + 1]; i++, own++)
            if (mask[i] == complement) *own = 0;
    }
}

int64_t prune_kept(const struct prune_matrices *matrices, const uint8_t *mask, int matrix) {
    int64_t kept = 0;
    for (size_t i = matrices->begins[matrix]; i < matrices->begins[matrix + 1]; i++) kept += mask[i];
    return kept;
}

ltm_status prune_write(const char *path, const struct prune_matrices *matrices, const uint8_t *mask,
                       struct ltm_error *error) {
    const struct safetensors_pair format = {"format", MASK_FORMAT};
    const size_t count = (size_t)matrices->count;
    ltm_status status = LTM_OK;
    struct safetensors_tensor *tensors = NULL;
    char(*names)[64] = NULL;
    float *values = NULL;
    TRY(NEW_ARRAY(tensors, count, "masks", error));
    TRY(NEW_ARRAY(names, count, "masks", error));
    TRY(NEW_ARRAY(values, prune_size(matrices), "masks", error));
    for (size_t i = 0; i < prune_size(matrices); i++) values[i] = mask[i];
    for (size_t k = 0; k < count; k++)
        weight_describe(&tensors[k], names[k], &matrices->table->weights[matrices->rows[k]], "",
                        values + matrices->begins[k]);
    TRY(safetensors_write(path, tensors, count, &format, 1, error));
cleanup:
    free(tensors);
    free(names);
    free(values);
    return status;
}

ltm_status prune_read(uint8_t *mask, const char *path, const struct prune_matrices *matrices, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct safetensors *file = NULL;
    TRY(safetensors_open(&file, path, error));
    const char *format = safetensors_metadata(file, "format");
    if (!format || strcmp(format, MASK_FORMAT) != 0)
        TRY(fail(error, LTM_INVALID, "%s is not a mask; give a file that ltm probe --prune wrote with --mask", path));
    for (int k = 0; k < matrices->count; k++) {
        const void *data;
        TRY(weight_data(&data, &matrices->table->weights[matrices->rows[k]], "", file, error));
        for (size_t i = matrices->begins[k]; i < matrices->begins[k + 1]; i++)
            mask[i] = ((const float *)data)[i - matrices->begins[k]] != 0;
    }
cleanup:
    safetensors_close(file);
    return status;
}

void prune_overlap(double *overlap, double *chance, const struct prune_matrices *matrices, const uint8_t *a,
                   const uint8_t *b) {
    double both = 0;
    double all = 0;
    double expected = 0;
    for (size_t i = 0; i < prune_size(matrices); i++) both += a[i] && b[i];
    for (int k = 0; k < matrices->count; k++) {
        const double n = (double)(matrices->begins[k + 1] - matrices->begins[k]);
        const double of_a = (double)prune_kept(matrices, a, k);
        const double of_b = (double)prune_kept(matrices, b, k);
        all += of_a + of_b;
        expected += of_a * of_b / n;
    }
    *overlap = all > both ? both / (all - both) : 0;
    *chance = all > expected ? expected / (all - expected) : 0;
}
