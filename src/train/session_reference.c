/* reference.safetensors of a run with slow.objective = dpo: log p of each answer under the weights that it began with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/processes.h"
#include "base/safetensors.h"
#include "train/session_reference.h"

/* As held-out scores and slow steps take it: by the same draws. */
static ltm_status score(struct session *s, double *reference, const struct sequence_source *source, int samples,
                        struct ltm_error *error) {
    const struct score_options options = {.fast = s->config.fast,
                                          .samples = samples,
                                          .seed = s->config.run.seed,
                                          .watch = &s->hooks->watch,
                                          .stop = s->hooks->stop};
    struct sequence_score *scores = NULL;
    ltm_status status = NEW_ARRAY(scores, (size_t)source->count, "the reference", error);
    TRY(processes_agree(status, error));
    TRY(score_sequences(scores, &s->trainer.workers, source, &options, error));
    for (int64_t i = 0; i < source->count; i++) reference[i] = -scores[i].recon;
cleanup:
    free(scores);
    return status;
}

/* What it is known by: its numbers and the data that they are of. */
static void digest(char hex[17], const struct session *s, int64_t heldout) {
    char sums[3][20] = {0};
    checksum_hex(sums[0], s->reference, (size_t)s->train_pairs.sequences * sizeof *s->reference);
    checksum_hex(sums[1], s->heldout_reference, (size_t)heldout * sizeof *s->reference);
    snprintf(sums[2], sizeof sums[2], "%.19s", s->state.corpus);
    checksum_hex(hex, sums, sizeof sums);
}

static ltm_status keep(const struct session *s, const char *path, int64_t heldout, struct ltm_error *error) {
    char hex[17];
    digest(hex, s, heldout);
    const struct safetensors_pair metadata = {"digest", hex};
    const struct safetensors_tensor tensors[] = {
        {.name = "train",
         .type = SAFETENSORS_F64,
         .rank = 1,
         .shape = {s->train_pairs.sequences},
         .data = s->reference},
        {.name = "heldout", .type = SAFETENSORS_F64, .rank = 1, .shape = {heldout}, .data = s->heldout_reference}};
    return safetensors_write(path, tensors, heldout ? 2 : 1, &metadata, 1, error);
}

static ltm_status read_back(struct session *s, const char *path, int64_t heldout, struct ltm_error *error) {
    struct safetensors *file = NULL;
    const void *data;
    char hex[17];
    ltm_status status = LTM_OK;
    if (!file_exists(path))
        return fail(error, LTM_IO,
                    "%s is missing (the reference log p of this run's answers); restore it, or "
                    "start over in another run.dir",
                    path);
    TRY(safetensors_open(&file, path, error));
    TRY(safetensors_expect(file, "train", SAFETENSORS_F64, 1, &s->train_pairs.sequences, &data, error));
    memcpy(s->reference, data, (size_t)s->train_pairs.sequences * sizeof *s->reference);
    if (heldout) {
        TRY(safetensors_expect(file, "heldout", SAFETENSORS_F64, 1, &heldout, &data, error));
        memcpy(s->heldout_reference, data, (size_t)heldout * sizeof *s->reference);
    }
    const char *was = safetensors_metadata(file, "digest");
    digest(hex, s, heldout);
    if (!was || strcmp(was, hex) != 0)
        status =
            fail(error, LTM_CORRUPT, "%s is damaged or belongs to other data; start over in another run.dir", path);
cleanup:
    safetensors_close(file);
    return status;
}

/* All of them, whatever is scored or trained on first: in the file's order, by which pairs are numbered. */
static ltm_status score_all(struct session *s, double *reference, const struct pair_source *pairs, int samples,
                            struct ltm_error *error) {
    struct pair_source in_order = *pairs;
    in_order.order = (struct sequence_order){0};
    in_order.source.count = in_order.sequences;
    return score(s, reference, &in_order.source, samples, error);
}

static ltm_status take(struct session *s, const char *path, int64_t heldout, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    if (!s->config.run.from[0])
        watch_message(&s->hooks->watch, "the reference has new, untrained weights; "
                                        "start from a trained model (ltm train --from)");
    watch_message(&s->hooks->watch, "log p of %lld answers under the initial weights",
                  (long long)(s->train_pairs.sequences + heldout));
    TRY(score_all(s, s->reference, &s->train_pairs, s->config.slow.samples, error));
    if (heldout) TRY(score_all(s, s->heldout_reference, &s->heldout_pairs, 1, error));
    if (processes_rank() == 0) status = keep(s, path, heldout, error);
    TRY(processes_agree(status, error));
cleanup:
    return status;
}

ltm_status session_reference(struct session *s, struct ltm_error *error) {
    const int64_t n = s->train_pairs.sequences;
    const int64_t heldout = s->heldout_pairs.sequences;
    char path[LTM_PATH_MAX];
    ltm_status status;
    if (s->config.slow.objective != LTM_OBJECTIVE_DPO) return LTM_OK;
    status = NEW_ARRAY(s->reference, (size_t)n, "the reference", error);
    if (status == LTM_OK) status = NEW_ARRAY(s->heldout_reference, (size_t)heldout + 1, "the reference", error);
    if (status == LTM_OK) status = path_join(path, sizeof path, s->config.run.dir, "reference.safetensors", error);
    TRY(processes_agree(status, error));
    s->trainer.reference = s->reference;
    if (s->state.step == 0) return take(s, path, heldout, error);
    if (processes_rank() == 0) status = read_back(s, path, heldout, error);
    TRY(processes_agree(status, error));
    TRY(processes_broadcast(s->reference, (size_t)n * sizeof *s->reference, error));
    TRY(processes_broadcast(s->heldout_reference, (size_t)heldout * sizeof *s->reference, error));
cleanup:
    return status;
}
