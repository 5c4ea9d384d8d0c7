#include "train/moments_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/processes.h"
#include "base/safetensors.h"
#include "model/model_file.h"

/* ---- Writing ---- */

struct gathering {
    const struct optimiser *optimiser;
    bool done;
};

/* Whether a piece has the k-th state; and where it lies in it. */
static bool keeps(const struct optimiser *optimiser, int k, int piece) {
    return optimiser->kind->of_matrices[k] == optimiser->shards->pieces[piece].whole;
}

static float *own_slice(const struct optimiser *optimiser, int k, int piece) {
    return optimiser->state[k] + optimiser->shards->pieces[piece].at_alike;
}

static size_t bytes_of(struct range range) { return (range.end - range.begin) * sizeof(float); }

/* In the order of the weights: slice `turn` of piece p is process (turn + p) mod n's (shards.h). A draft that cannot be written any
 * more still gets all slices from the others, who wait to be rid of them; draft NULL writes nothing. */
static ltm_status gather(void *user, struct file_draft *draft, struct ltm_error *error) {
    struct gathering *g = user;
    const struct optimiser *o = g->optimiser;
    const struct optimiser_shards *shards = o->shards;
    const int n = shards->processes;
    ltm_status status = LTM_OK;
    g->done = true;
    for (int k = 0; k < o->kind->states; k++) {
        for (int p = 0; p < shards->count; p++) {
            for (int turn = 0; turn < n && keeps(o, k, p); turn++) {
                const int owner = (turn + p) % n;
                const size_t bytes = bytes_of(optimiser_shards_slice(shards, p, owner));
                const float *data = owner == 0 ? own_slice(o, k, p) : o->slice;
                if (bytes && owner > 0) {
                    ltm_status received = processes_receive(owner, o->slice, bytes, error);
                    if (received != LTM_OK) return received;
                }
                if (status == LTM_OK && draft) status = file_write(draft, data, bytes, error);
            }
        }
    }
    return status;
}

static ltm_status send_own(const struct optimiser *optimiser, struct ltm_error *error) {
    const struct optimiser_shards *shards = optimiser->shards;
    for (int k = 0; k < optimiser->kind->states; k++) {
        for (int p = 0; p < shards->count; p++) {
            if (!keeps(optimiser, k, p)) continue;
            PASS_UP(processes_send(0, own_slice(optimiser, k, p), bytes_of(shards->pieces[p].own), error));
        }
    }
    return LTM_OK;
}

ltm_status moments_write(const char *path, const struct optimiser *optimiser, const struct weight_table *table,
                         struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const struct optimiser_kind *kind = optimiser->kind;
    const size_t most = (size_t)table->count * (size_t)kind->states;
    size_t all = 0;
    static const struct safetensors_pair metadata = {"format", "ltm-1"};
    char(*names)[64] = NULL;
    struct safetensors_tensor *tensors = NULL;
    struct gathering g = {.optimiser = optimiser};
    if (optimiser->shards->rank > 0) return send_own(optimiser, error);
    TRY(NEW_ARRAY(names, most, "metadata", error));
    TRY(NEW_ARRAY(tensors, most, "metadata", error));
    for (int k = 0; k < kind->states; k++)
        for (int i = 0; i < table->count; i++)
            if (optimiser_keeps(kind, k, &table->weights[i])) {
                weight_describe(&tensors[all], names[all], &table->weights[i], kind->prefixes[k], NULL);
                all++;
            }
    if (path) TRY(safetensors_write_data(path, tensors, all, &metadata, 1, gather, &g, error));
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

ltm_status moments_read(struct optimiser *optimiser, const struct weight_table *table, const struct safetensors *file,
                        struct ltm_error *error) {
    const struct optimiser_shards *shards = optimiser->shards;
    for (int k = 0; k < optimiser->kind->states; k++) {
        for (int i = 0; i < table->count; i++) {
            const void *data;
            if (!optimiser_keeps(optimiser->kind, k, &table->weights[i])) continue;
            PASS_UP(weight_data(&data, &table->weights[i], optimiser->kind->prefixes[k], file, error));
            for (int p = 0; p < shards->count; p++)
                if (keeps(optimiser, k, p))
                    copy_part(own_slice(optimiser, k, p), shards->pieces[p].own, &table->weights[i], data);
        }
    }
    return LTM_OK;
}

static ltm_status send_slice(int to, struct range range, const char *prefix, float *slice,
                             const struct weight_table *table, const struct safetensors *file,
                             struct ltm_error *error) {
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        const void *data;
        if (w->offset >= range.end || w->offset + weight_size(w) <= range.begin) continue;
        PASS_UP(weight_data(&data, w, prefix, file, error));
        copy_part(slice, range, w, data);
    }
    return processes_send(to, slice, bytes_of(range), error);
}

ltm_status moments_spread(struct optimiser *optimiser, const struct weight_table *table, const struct safetensors *file,
                          struct ltm_error *error) {
    const struct optimiser_shards *shards = optimiser->shards;
    for (int k = 0; k < optimiser->kind->states; k++) {
        for (int p = 0; p < shards->count; p++) {
            if (!keeps(optimiser, k, p)) continue;
            if (shards->rank > 0)
                PASS_UP(processes_receive(0, own_slice(optimiser, k, p), bytes_of(shards->pieces[p].own), error));
            for (int r = 1; shards->rank == 0 && r < shards->processes; r++)
                PASS_UP(send_slice(r, optimiser_shards_slice(shards, p, r), optimiser->kind->prefixes[k],
                                   optimiser->slice, table, file, error));
        }
    }
    return LTM_OK;
}
