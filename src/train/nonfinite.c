#include "train/nonfinite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <omp.h>

#include "base/memory.h"
#include "base/processes.h"
#include "math/vector.h"
#include "train/group_gradient.h"

static struct range range_of(const struct weight *w) {
    return (struct range){w->offset, w->offset + (size_t)w->rows * (size_t)w->columns};
}

/* The first sequence without a finite loss, or -1. */
static int find_loss(const struct trainer *trainer) {
    for (int i = 0; i < trainer->now.batch; i++) {
        const struct sequence_score *score = &trainer->scores[i];
        if (!isfinite(score->recon + score->kl + score->iwae)) return i;
    }
    return -1;
}

/* Takes the gradients of one sequence, block after block, from the last layer down. */
struct look {
    const struct trainer *trainer;
    int tensor; /* the first that was met, or -1 */
};

static void look_at(void *user, int block, const float *gradient) {
    struct look *look = user;
    const struct optimiser_shards *shards = &look->trainer->state;
    const struct weight_table *table = &look->trainer->decoder->plan.table;
    const size_t begin = shards->pieces[shards->first[block]].all.begin;
    const size_t end = shards->pieces[shards->first[block + 1] - 1].all.end;
    for (int k = table->count - 1; k >= 0 && look->tensor < 0; k--) {
        const struct range r = range_of(&table->weights[k]);
        if (r.begin < begin || r.end > end) continue;
        if (!vector_finite(gradient + (r.begin - begin), r.end - r.begin)) look->tensor = k;
    }
}

static struct gradient_taker looking(void *user, int draw) {
    (void)draw;
    return (struct gradient_taker){.user = user, .take = look_at};
}

/* Each of this process's sequences alone: 1 + the tensor of its gradient that is not finite into found (batch). */
static void look_at_sequences(struct trainer *trainer, int *found) {
    const int here = trainer->gradient.here;
    const int most = trainer->workers.group;
    const int batch = trainer->now.batch;
#pragma omp parallel num_threads(trainer->workers.threads)
    {
        struct worker *w = &trainer->workers.each[omp_get_thread_num()];
#pragma omp for schedule(dynamic, 1)
        for (int i = 0; i < here; i++) {
            const int first = gradient_group(&trainer->gradient, i) * most;
            for (int s = first; s < first + most && s < batch; s++) {
                const struct group alone = {trainer, w, s, 1};
                struct look look = {trainer, -1};
                group_gradient(&alone, &(struct draw_takers){&look, looking});
                found[s] = 1 + look.tensor;
            }
        }
    }
}

/* 1 into found (of the table's count) for each tensor of whose total something not finite is this process's. */
static void look_at_total(const struct trainer *trainer, int *found) {
    const struct weight_table *table = &trainer->decoder->plan.table;
    for (int p = 0; p < trainer->state.count; p++) {
        const struct piece *piece = &trainer->state.pieces[p];
        for (int k = 0; k < table->count; k++) {
            const struct range r = range_of(&table->weights[k]);
            const size_t begin = r.begin > piece->own.begin ? r.begin : piece->own.begin;
            const size_t end = r.end < piece->own.end ? r.end : piece->own.end;
            if (begin >= end) continue;
            const float *own = trainer->gradient.total + piece->at + (begin - piece->own.begin);
            if (!vector_finite(own, end - begin)) found[k] = 1;
        }
    }
}

static int first_found(const int *found, int count) {
    for (int i = 0; i < count; i++)
        if (found[i]) return i;
    return -1;
}

ltm_status nonfinite_find(struct trainer *trainer, struct fault *fault, struct ltm_error *error) {
    const int batch = trainer->now.batch;
    const int tensors = trainer->decoder->plan.table.count;
    /* Every process has all weights. */
    const int weight = weights_find_nonfinite(trainer->decoder->weights, &trainer->decoder->plan.table);
    const int loss = find_loss(trainer);
    int *found = NULL;
    int sequence;
    int tensor;
    ltm_status status = LTM_OK;
    *fault = (struct fault){FAULT_WEIGHT, weight, -1};
    if (weight >= 0) return LTM_OK;
    *fault = (struct fault){FAULT_LOSS, -1, loss};
    if (loss >= 0) return LTM_OK;
    status = NEW_ARRAY(found, (size_t)batch + (size_t)tensors, "the search for what is not finite", error);
    TRY(processes_agree(status, error));
    if (!trainer->solver) look_at_sequences(trainer, found);
    look_at_total(trainer, found + batch);
    TRY(processes_merge(found, ((size_t)batch + (size_t)tensors) * sizeof *found, error));
    sequence = first_found(found, batch);
    tensor = first_found(found + batch, tensors);
    if (sequence >= 0)
        *fault = (struct fault){FAULT_GRADIENT, found[sequence] - 1, sequence};
    else
        *fault = (struct fault){FAULT_SUM, tensor, -1};
cleanup:
    free(found);
    return status;
}

void nonfinite_describe(char text[FAULT_TEXT], const struct trainer *trainer, const struct fault *fault) {
    const char *tensor = fault->tensor >= 0 ? trainer->decoder->plan.table.weights[fault->tensor].name : "";
    char sequence[80] = "";
    if (fault->sequence >= 0 && trainer->solver)
        snprintf(sequence, sizeof sequence, "row %d of the batch", fault->sequence);
    else if (fault->sequence >= 0)
        snprintf(sequence, sizeof sequence, "sequence %d of the batch (first token %lld)", fault->sequence,
                 (long long)trainer->source->place(trainer->source, trainer->now.sequences + fault->sequence));
    switch (fault->kind) {
    case FAULT_WEIGHT:
        snprintf(text, FAULT_TEXT, "the weight %s itself is not finite", tensor);
        break;
    case FAULT_LOSS:
        snprintf(text, FAULT_TEXT, "the loss of %s is not finite", sequence);
        break;
    case FAULT_GRADIENT:
        snprintf(text, FAULT_TEXT, "the gradient of %s is not finite in %s", tensor, sequence);
        break;
    default:
        if (fault->tensor >= 0)
            snprintf(text, FAULT_TEXT, "the gradient of %s, summed over the batch, is not finite", tensor);
        else
            snprintf(text, FAULT_TEXT, "the gradient's norm is too large to square in fp32");
    }
}
