#include "train/stored_posteriors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/processes.h"
#include "base/safetensors.h"

static size_t all(const struct stored_posteriors *stored) { return (size_t)stored->sequences * stored->n; }

ltm_status stored_posteriors_create(struct stored_posteriors **stored, const struct ltm_config *config,
                                    const struct sequence_source *source, struct ltm_error *error) {
    static const char what[] = "stored posteriors";
    ltm_status status = LTM_OK;
    struct stored_posteriors *made = NULL;
    *stored = NULL;
    if (config->fast.stored == 0 || config->model.latents == 0) return LTM_OK;
    if (!source->number)
        return fail(error, LTM_INVALID,
                    "fast.stored = %g keeps posteriors from one pass over a corpus to the next, "
                    "and does not work with data.kind = pairs or several data.corpora; use 0",
                    config->fast.stored);
    TRY(NEW_ARRAY(made, 1, what, error));
    *made = (struct stored_posteriors){.sequences = source->distinct,
                                       .n = (size_t)config->model.latents * (size_t)config->model.dim,
                                       .config = config};
    TRY(NEW_ARRAY(made->mu, all(made), what, error));
    TRY(NEW_ARRAY(made->curvature, all(made), what, error));
    TRY(NEW_ARRAY(made->left, 2 * made->n * (size_t)config->slow.batch, what, error));
    *stored = made;
    return LTM_OK;
cleanup:
    stored_posteriors_free(made);
    return status;
}

void stored_posteriors_free(struct stored_posteriors *stored) {
    if (!stored) return;
    free(stored->mu);
    free(stored->curvature);
    free(stored->left);
    free(stored);
}

size_t stored_posteriors_bytes(const struct stored_posteriors *stored) { return 2 * all(stored) * sizeof(float); }

void stored_posteriors_load(const struct stored_posteriors *stored, struct fast_loop *loop, int g, int64_t number) {
    const float keep = (float)stored->config->fast.stored;
    const size_t from = (size_t)number * stored->n;
    const size_t to = (size_t)g * stored->n;
    for (size_t i = 0; i < stored->n; i++) {
        const float h = keep * stored->curvature[from + i];
        loop->mu[to + i] = keep * stored->mu[from + i];
        loop->kept[METHOD_NATURAL_CURVATURE][to + i] = h;
        loop->logvar[to + i] = h > 0 ? -logf(1 + h) : 0;
    }
}

void stored_posteriors_begin(struct stored_posteriors *stored) {
    memset(stored->left, 0, 2 * stored->n * (size_t)stored->config->slow.batch * sizeof *stored->left);
}

void stored_posteriors_leave(struct stored_posteriors *stored, const struct fast_loop *loop, int g, int i) {
    const size_t bytes = stored->n * sizeof(float);
    float *left = stored->left + 2 * (size_t)i * stored->n;
    const size_t from = (size_t)g * stored->n;
    memset(left, 0, 2 * bytes);
    if (loop->diverged[g]) return;
    memcpy(left, loop->mu + from, bytes);
    memcpy(left + stored->n, loop->kept[METHOD_NATURAL_CURVATURE] + from, bytes);
}

/* A batch that has a sequence twice, at the border of two passes, keeps the later fit. */
ltm_status stored_posteriors_take(struct stored_posteriors *stored, const struct sequence_source *source, int64_t first,
                                  int batch, struct ltm_error *error) {
    const size_t bytes = stored->n * sizeof(float);
    PASS_UP(processes_merge(stored->left, 2 * bytes * (size_t)batch, error));
    for (int i = 0; i < batch; i++) {
        const float *left = stored->left + 2 * (size_t)i * stored->n;
        const size_t to = (size_t)source->number(source, first + i) * stored->n;
        memcpy(stored->mu + to, left, bytes);
        memcpy(stored->curvature + to, left + stored->n, bytes);
    }
    return LTM_OK;
}

/* ---- In a checkpoint ---- */

enum { TENSORS = 2 };
static const char *const names[TENSORS] = {"mu", "curvature"};

ltm_status stored_posteriors_write(const struct stored_posteriors *stored, const char *path, struct ltm_error *error) {
    static const struct safetensors_pair metadata = {"format", "ltm-1"};
    const float *const data[TENSORS] = {stored->mu, stored->curvature};
    struct safetensors_tensor tensors[TENSORS];
    for (int k = 0; k < TENSORS; k++)
        tensors[k] = (struct safetensors_tensor){
            names[k], SAFETENSORS_F32, 2, {stored->sequences, (int64_t)stored->n}, all(stored) * sizeof(float),
            data[k]};
    return safetensors_write(path, tensors, TENSORS, &metadata, 1, error);
}

ltm_status stored_posteriors_read(struct stored_posteriors *stored, const char *path, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    float *const to[TENSORS] = {stored->mu, stored->curvature};
    const int64_t shape[] = {stored->sequences, (int64_t)stored->n};
    const void *data[TENSORS];
    struct safetensors *file = NULL;
    TRY(safetensors_open(&file, path, error));
    for (int k = 0; k < TENSORS; k++)
        TRY(safetensors_expect(file, names[k], SAFETENSORS_F32, 2, shape, &data[k], error));
    for (int k = 0; k < TENSORS; k++) memcpy(to[k], data[k], all(stored) * sizeof(float));
cleanup:
    safetensors_close(file);
    return status;
}

ltm_status stored_posteriors_spread(struct stored_posteriors *stored, struct ltm_error *error) {
    PASS_UP(processes_broadcast(stored->mu, all(stored) * sizeof(float), error));
    return processes_broadcast(stored->curvature, all(stored) * sizeof(float), error);
}
