#include "latent/workers.h"

#include <stdlib.h>

#include <omp.h>

#include "base/memory.h"
#include "config/chunks.h"

int workers_group(int length) { return length >= 1024 ? 1 : 1024 / length; }

int workers_needed(int threads, int64_t groups) { return groups < threads ? groups > 1 ? (int)groups : 1 : threads; }

/* The tokens of such a sequence that one pass takes. */
static int pass_length(const struct ltm_model_config *model, int length) {
    return length < model_chunk(model) ? length : model_chunk(model);
}

static ltm_status worker_create(struct worker *w, const struct decoder *decoder, const struct ltm_fast_config *fast,
                                int group, int length, int gradients, struct ltm_error *error) {
    const size_t rows = (size_t)group * (size_t)length;
    ltm_status status = LTM_OK;
    TRY(decoder_pass_create(&w->pass, decoder, group, pass_length(&decoder->plan.config, length), gradients, error));
    TRY(streaming_create(&w->streaming, decoder, group, error));
    TRY(fast_loop_create(&w->loop, decoder, fast, group, length, error));
    TRY(NEW_ARRAY(w->tokens, rows, "tokens", error));
    TRY(NEW_ARRAY(w->targets, rows, "tokens", error));
    TRY(NEW_ARRAY(w->weights, rows, "tokens", error));
    TRY(NEW_ARRAY(w->fit, rows, "tokens", error));
    TRY(NEW_ARRAY(w->scaled, rows, "tokens", error));
    TRY(NEW_ARRAY(w->start_scale, (size_t)group, "tokens", error));
    TRY(NEW_ARRAY(w->numbers, (size_t)group, "tokens", error));
    TRY(fast_part_create(&w->part, decoder, gradients ? fast : NULL, w->tokens, w->targets, group, length, error));
    w->loop.part = &w->part;
cleanup:
    return status;
}

/* Created by the thread that will use it, so that its memory is near that thread's core. */
ltm_status workers_create(struct workers *workers, const struct decoder *decoder, const struct ltm_fast_config *fast,
                          int threads, int group, int length, int gradients, struct ltm_error *error) {
    *workers = (struct workers){.decoder = decoder, .threads = threads, .group = group, .length = length};
    ltm_status status = NEW_ARRAY(workers->each, (size_t)threads, "threads", error);
    if (status != LTM_OK) return status;
#pragma omp parallel num_threads(threads)
    for (int i = omp_get_thread_num(); i < threads; i += omp_get_num_threads()) {
        struct ltm_error mine = {0};
        const ltm_status made = worker_create(&workers->each[i], decoder, fast, group, length, gradients, &mine);
        if (made == LTM_OK) continue;
#pragma omp critical(workers_create)
        if (status == LTM_OK) status = fail_with(error, &mine);
    }
    if (status != LTM_OK) workers_free(workers);
    return status;
}

ltm_status workers_prepare(const struct workers *workers, int sequences, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (int i = 0; i < workers->threads; i++) {
        TRY(decoder_prepare(workers->each[i].pass, sequences,
                            pass_length(&workers->decoder->plan.config, workers->length), error));
        TRY(fast_part_prepare(&workers->each[i].part, sequences, workers->length, error));
    }
cleanup:
    return status;
}

ltm_status workers_status(const struct workers *workers, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (int i = 0; i < workers->threads; i++) TRY(decoder_pass_status(workers->each[i].pass, error));
cleanup:
    return status;
}

void workers_free(struct workers *workers) {
    for (int i = 0; workers->each && i < workers->threads; i++) {
        struct worker *w = &workers->each[i];
        decoder_pass_free(w->pass);
        fast_loop_free(&w->loop);
        fast_part_free(&w->part);
        streaming_free(&w->streaming);
        free(w->tokens);
        free(w->targets);
        free(w->weights);
        free(w->fit);
        free(w->scaled);
        free(w->start_scale);
        free(w->numbers);
    }
    free(workers->each);
    *workers = (struct workers){0};
}

size_t workers_bytes(const struct plan *plan, const struct ltm_fast_config *fast, int threads, int group, int length,
                     int gradients, bool in_bf16) {
    const size_t tokens = (5 * (size_t)length + 2) * (size_t)group * sizeof(int32_t); /* a float is as large */
    return (size_t)threads * (decoder_pass_bytes(plan, group, pass_length(&plan->config, length), gradients, in_bf16) +
                              fast_loop_bytes(&plan->config, fast, group, length) +
                              fast_part_bytes(plan, gradients ? fast : NULL, group, length, in_bf16) +
                              streaming_bytes(&plan->config, group) + tokens);
}

/* Sequence i of the source to place g, with all its weights. False if it has an id outside the vocabulary. */
static bool read_sequence(struct worker *worker, const struct sequence_source *source, int64_t i, int g, int length,
                          bool *weighted) {
    const int vocab = decoder_pass_decoder(worker->pass)->plan.config.vocab;
    const size_t at = (size_t)g * (size_t)length;
    int32_t *tokens = worker->tokens + at;
    int32_t *targets = worker->targets + at;
    float *weights = worker->weights + at;
    const bool here = source->read(source, i, length, tokens, targets, weights);
    *weighted = *weighted || here;
    for (int t = 0; t < length; t++) {
        if (tokens[t] < 0 || tokens[t] >= vocab || targets[t] < 0 || targets[t] >= vocab) return false;
        if (!here) weights[t] = 1;
    }
    return true;
}

bool worker_begin(struct worker *worker, const struct sequence_source *source, int64_t first, uint32_t number,
                  int count, int length) {
    bool weighted = false;
    for (int g = 0; g < count; g++) {
        if (!read_sequence(worker, source, first + g, g, length, &weighted)) return false;
        worker->numbers[g] = source->noise ? source->noise(source, first + g) : number + (uint32_t)g;
        if (source->read_fit) source->read_fit(source, first + g, length, worker->fit + (size_t)g * (size_t)length);
    }
    worker->loop.fit_weights = source->read_fit ? worker->fit : NULL;
    worker->loop.weights = weighted ? worker->weights : NULL;
    if (!worker->streaming.block) decoder_begin(worker->pass, worker->tokens, worker->targets, count, length);
    return true;
}

ltm_status workers_weigh(double *weight, const struct workers *workers, const struct sequence_source *source,
                         int64_t first, int count, struct ltm_error *error) {
    struct worker *worker = &workers->each[0];
    bool weighted = false;
    *weight = 0;
    for (int i = 0; i < count; i++) {
        if (!read_sequence(worker, source, first + i, 0, workers->length, &weighted))
            return workers_fail_vocabulary(workers, error);
        for (int t = 0; t < workers->length; t++) *weight += (double)worker->weights[t];
    }
    return LTM_OK;
}

ltm_status workers_fail_vocabulary(const struct workers *workers, struct ltm_error *error) {
    return fail(
        error, LTM_MISMATCH,
        "the corpus contains token ids outside the model's vocabulary of %d: it was made with another tokenizer; "
        "set model.vocab, or build the corpus with the model's own tokenizer",
        workers->decoder->plan.config.vocab);
}
