#include "latent/workers.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

int workers_group(int length) { return length >= 1024 ? 1 : 1024 / length; }

int workers_needed(int threads, int64_t groups) { return groups < threads ? groups > 1 ? (int)groups : 1 : threads; }

ltm_status workers_create(struct workers *workers, const struct decoder *decoder, int threads, int group, int length,
                          bool training, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const size_t rows = (size_t)group * (size_t)length;
    *workers = (struct workers){.decoder = decoder, .threads = threads, .group = group, .length = length};
    TRY(NEW_ARRAY(workers->each, (size_t)threads, "threads", error));
    for (int i = 0; i < threads; i++) {
        struct worker *w = &workers->each[i];
        TRY(decoder_pass_create(&w->pass, decoder, group, length, training, error));
        TRY(fast_loop_create(&w->loop, decoder, group, length, error));
        TRY(NEW_ARRAY(w->tokens, rows, "tokens", error));
        TRY(NEW_ARRAY(w->targets, rows, "tokens", error));
        TRY(NEW_ARRAY(w->chunk, (size_t)length + 1, "tokens", error));
        TRY(NEW_ARRAY(w->numbers, (size_t)group, "tokens", error));
    }
    return LTM_OK;
cleanup:
    workers_free(workers);
    return status;
}

void workers_free(struct workers *workers) {
    for (int i = 0; workers->each && i < workers->threads; i++) {
        struct worker *w = &workers->each[i];
        decoder_pass_free(w->pass);
        fast_loop_free(&w->loop);
        free(w->tokens);
        free(w->targets);
        free(w->chunk);
        free(w->numbers);
    }
    free(workers->each);
    *workers = (struct workers){0};
}

size_t workers_bytes(const struct decoder *decoder, int threads, int group, int length, bool training) {
    const size_t tokens = (2 * (size_t)group * (size_t)length + (size_t)length + (size_t)group + 1) * sizeof(int32_t);
    return (size_t)threads *
           (decoder_pass_bytes(decoder, group, length, training) + fast_loop_bytes(decoder, group, length) + tokens);
}

bool worker_begin(struct worker *worker, const struct token_stream *stream, const int64_t *starts, uint32_t first,
                  int count, int length) {
    const size_t T = (size_t)length;
    const int vocab = decoder_pass_decoder(worker->pass)->config.vocab;
    for (int g = 0; g < count; g++) {
        token_stream_read(stream, starts[g], T + 1, worker->chunk);
        for (size_t t = 0; t <= T; t++)
            if (worker->chunk[t] >= vocab) return false;
        memcpy(worker->tokens + (size_t)g * T, worker->chunk, T * sizeof *worker->chunk);
        memcpy(worker->targets + (size_t)g * T, worker->chunk + 1, T * sizeof *worker->chunk);
        worker->numbers[g] = first + (uint32_t)g;
    }
    decoder_begin(worker->pass, worker->tokens, worker->targets, count, length);
    return true;
}

ltm_status workers_fail_vocabulary(const struct workers *workers, struct ltm_error *error) {
    return fail(error, LTM_MISMATCH,
                "the corpus holds token ids outside the model's vocabulary of %d: it was made with another tokenizer; "
                "set model.vocab, or build the corpus with the model's own tokenizer",
                workers->decoder->config.vocab);
}
