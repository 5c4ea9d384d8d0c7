#include "train/moments_file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/processes.h"
#include "base/safetensors.h"
#include "model/model_file.h"

static const char *const prefixes[2] = {"first.", "second."};

/* ---- Writing ---- */

struct gathering {
    const float *moments[2];
    const struct optimiser_shards *shards;
    float *slice; /* another process's */
    bool done;
};

static size_t bytes_of(struct range range) { return (range.end - range.begin) * sizeof(float); }

/* In the order of the weights: slice `turn` of piece p is process (turn + p) mod n's (shards.h). A draft that cannot be written any
 * more still gets all slices from the others, who wait to be rid of them; draft NULL writes nothing. */
static ltm_status gather(void *user, struct file_draft *draft, struct ltm_error *error) {
    struct gathering *g = user;
    const struct optimiser_shards *shards = g->shards;
    const int n = shards->processes;
    ltm_status status = LTM_OK;
    g->done = true;
    for (int k = 0; k < 2; k++) {
        for (int p = 0; p < shards->count; p++) {
            for (int turn = 0; turn < n; turn++) {
                const int owner = (turn + p) % n;
                const size_t bytes = bytes_of(optimiser_shards_slice(shards, p, owner));
                const float *data = owner == 0 ? g->moments[k] + shards->pieces[p].at : g->slice;
                if (bytes && owner > 0) {
                    ltm_status received = processes_receive(owner, g->slice, bytes, error);
                    if (received != LTM_OK) return received;
                }
                if (status == LTM_OK && draft) status = file_write(draft, data, bytes, error);
            }
        }
    }
    return status;
}

static ltm_status send_own(const struct adamw *adam, const struct optimiser_shards *shards, struct ltm_error *error) {
    const float *const moments[2] = {adam->first, adam->second};
    for (int k = 0; k < 2; k++) {
        for (int p = 0; p < shards->count; p++) {
            const struct piece *piece = &shards->pieces[p];
            ltm_status status = processes_send(0, moments[k] + piece->at, bytes_of(piece->own), error);
            if (status != LTM_OK) return status;
        }
    }
    return LTM_OK;
}

ltm_status moments_write(const char *path, const struct adamw *adam, const struct weight_table *table,
                         struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const size_t n = (size_t)table->count;
    static const struct safetensors_pair metadata = {"format", "ltm-1"};
    char(*names)[64] = NULL;
    struct safetensors_tensor *tensors = NULL;
    struct gathering g = {.moments = {adam->first, adam->second}, .shards = adam->shards, .slice = adam->slice};
    if (adam->shards->rank > 0) return send_own(adam, adam->shards, error);
    TRY(NEW_ARRAY(names, 2 * n, "metadata", error));
    TRY(NEW_ARRAY(tensors, 2 * n, "metadata", error));
    for (size_t k = 0; k < 2; k++) weights_describe(tensors + k * n, names + k * n, table, prefixes[k], NULL);
    if (path) TRY(safetensors_write_data(path, tensors, 2 * n, &metadata, 1, gather, &g, error));
cleanup:
    if (!g.done) gather(&g, NULL, NULL);
    free(names);
    free(tensors);
    return status;
}

/* ---- Reading ---- */

/* What of a tensor lies in a slice. */
static void copy_part(float *slice, struct range range, const struct weight *w, const float *data) {
    const size_t end = w->offset + weight_size(w);
    const size_t from = range.begin > w->offset ? range.begin : w->offset;
    const size_t to = range.end < end ? range.end : end;
    if (from < to) memcpy(slice + (from - range.begin), data + (from - w->offset), (to - from) * sizeof *slice);
}

ltm_status moments_read(struct adamw *adam, const struct weight_table *table, const struct safetensors *file,
                        struct ltm_error *error) {
    const struct optimiser_shards *shards = adam->shards;
    float *const moments[2] = {adam->first, adam->second};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < table->count; i++) {
            const void *data;
            ltm_status status = weight_data(&data, &table->weights[i], prefixes[k], file, error);
            if (status != LTM_OK) return status;
            for (int p = 0; p < shards->count; p++)
                copy_part(moments[k] + shards->pieces[p].at, shards->pieces[p].own, &table->weights[i], data);
        }
    }
    return LTM_OK;
}

static ltm_status send_slice(int to, struct range range, int k, float *slice, const struct weight_table *table,
                             const struct safetensors *file, struct ltm_error *error) {
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        const void *data;
        if (w->offset >= range.end || w->offset + weight_size(w) <= range.begin) continue;
        ltm_status status = weight_data(&data, w, prefixes[k], file, error);
        if (status != LTM_OK) return status;
        copy_part(slice, range, w, data);
    }
    return processes_send(to, slice, bytes_of(range), error);
}

ltm_status moments_spread(struct adamw *adam, const struct weight_table *table, const struct safetensors *file,
                          struct ltm_error *error) {
    const struct optimiser_shards *shards = adam->shards;
    float *const moments[2] = {adam->first, adam->second};
    ltm_status status = LTM_OK;
    for (int k = 0; k < 2; k++) {
        for (int p = 0; p < shards->count; p++) {
            const struct piece *piece = &shards->pieces[p];
            if (shards->rank > 0) TRY(processes_receive(0, moments[k] + piece->at, bytes_of(piece->own), error));
            for (int r = 1; shards->rank == 0 && r < shards->processes; r++)
                TRY(send_slice(r, optimiser_shards_slice(shards, p, r), k, adam->slice, table, file, error));
        }
    }
cleanup:
    return status;
}
