#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/safetensors.h"
#include "latent/score.h"
#include "ltm/corpus.h"
#include "ltm/eval.h"
#include "math/matmul.h"
#include "model/model_file.h"
#include "text/sequences.h"
#include "text/token_stream.h"
#include "train/trained_model.h"

struct evaluation {
    const struct ltm_model *model;
    struct ltm_config config;
    struct token_stream *stream;
    struct workers workers;
    int64_t *starts, count;
    struct sequence_score *scores;
    struct score_dump dump;
};

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The corpus must have been made with the model's tokenizer; bare shards cannot say. */
static ltm_status check_corpus(const struct ltm_model *model, const char *corpus, struct ltm_error *error) {
    struct ltm_corpus_info info;
    if (corpus_info_read(&info, corpus, NULL) != LTM_OK || !model->digest[0]) return LTM_OK;
    if (strcmp(info.tokenizer_digest, model->digest) == 0) return LTM_OK;
    return fail(
        error, LTM_MISMATCH,
        "the corpus %s was made with tokenizer %s, the model was trained with %s; build it again with the model's "
        "tokenizer.model",
        corpus, info.tokenizer_digest, model->digest);
}

static ltm_status new_dump(struct evaluation *e, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const size_t n = (size_t)e->count, tokens = n * (size_t)e->config.model.sequence;
    const size_t numbers = n * (size_t)e->config.model.latents * (size_t)e->config.model.dim;
    TRY(NEW_ARRAY(e->dump.tokens, tokens, "the dump", error));
    TRY(NEW_ARRAY(e->dump.targets, tokens, "the dump", error));
    TRY(NEW_ARRAY(e->dump.nll, tokens, "the dump", error));
    TRY(NEW_ARRAY(e->dump.mu, numbers, "the dump", error));
    TRY(NEW_ARRAY(e->dump.logvar, numbers, "the dump", error));
    TRY(NEW_ARRAY(e->dump.noise, numbers, "the dump", error));
cleanup:
    return status;
}

static ltm_status write_dump(const struct evaluation *e, struct ltm_error *error) {
    const int64_t n = e->count, T = e->config.model.sequence, N = e->config.model.latents, d = e->config.model.dim;
    const size_t tokens = (size_t)(n * T), numbers = (size_t)(n * N * d);
    const struct safetensors_tensor tensors[] = {
        {"tokens", SAFETENSORS_I32, 2, {n, T}, tokens * sizeof(int32_t), e->dump.tokens},
        {"targets", SAFETENSORS_I32, 2, {n, T}, tokens * sizeof(int32_t), e->dump.targets},
        {"mu", SAFETENSORS_F32, 3, {n, N, d}, numbers * sizeof(float), e->dump.mu},
        {"logvar", SAFETENSORS_F32, 3, {n, N, d}, numbers * sizeof(float), e->dump.logvar},
        {"noise", SAFETENSORS_F32, 3, {n, N, d}, numbers * sizeof(float), e->dump.noise},
        {"nll_per_token", SAFETENSORS_F32, 2, {n, T}, tokens * sizeof(float), e->dump.nll},
    };
    char step[24];
    snprintf(step, sizeof step, "%" PRId64, e->model->step);
    const struct safetensors_pair metadata[] = {
        {"format", "ltm-dump-1"}, {"step", step}, {"tokenizer.digest", e->model->digest}};
    return safetensors_write(e->config.eval.dump, tensors, sizeof tensors / sizeof *tensors, metadata, 3, error);
}

static ltm_status set_up(struct evaluation *e, const char *corpus, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const int T = e->config.model.sequence;
    int64_t available;
    TRY(matmul_start(error));
    TRY(ltm_config_check(&e->config, error));
    ltm_config_resolve(&e->config);
    TRY(check_corpus(e->model, corpus, error));
    TRY(token_stream_open(&e->stream, corpus, e->config.eval.split, error));
    TRY(heldout_sequences(&available, token_stream_count(e->stream), T, error));
    e->count =
        e->config.eval.sequences > 0 && e->config.eval.sequences < available ? e->config.eval.sequences : available;
    TRY(NEW_ARRAY(e->starts, (size_t)e->count, "sequences", error));
    TRY(NEW_ARRAY(e->scores, (size_t)e->count, "sequences", error));
    for (int64_t i = 0; i < e->count; i++) e->starts[i] = heldout_spread(i, e->count, available) * T;
    TRY(workers_create(&e->workers, e->model->decoder, e->config.run.threads, workers_group(T), T, false, error));
    if (e->config.eval.dump[0]) TRY(new_dump(e, error));
cleanup:
    return status;
}

/* Bytes of text that the targets of each sequence stand for, in all; and the bound in bits a byte: nats of all over bytes of
 * all, with the standard error of that ratio. */
static ltm_status count_bytes(const struct evaluation *e, struct ltm_eval_result *result, struct ltm_error *error) {
    const size_t T = (size_t)e->config.model.sequence;
    int32_t *chunk = NULL;
    double *bytes = NULL, nats = 0, squares = 0;
    ltm_status status = LTM_OK;
    result->bits_per_byte = (struct ltm_score){NAN, NAN};
    if (!e->model->tokenizer) return LTM_OK;
    TRY(NEW_ARRAY(chunk, T + 1, "tokens", error));
    TRY(NEW_ARRAY(bytes, (size_t)e->count, "byte counts", error));
    for (int64_t i = 0; i < e->count; i++) {
        token_stream_read(e->stream, e->starts[i], T + 1, chunk);
        for (size_t t = 1; t <= T; t++)
            if (chunk[t] < ltm_tokenizer_vocab(e->model->tokenizer))
                bytes[i] += (double)ltm_tokenizer_piece_bytes(e->model->tokenizer, chunk[t]);
        result->bytes += (int64_t)bytes[i];
        nats += e->scores[i].recon + e->scores[i].kl;
    }
    const double ratio = nats / (double)result->bytes, n = (double)e->count;
    for (int64_t i = 0; i < e->count; i++) {
        const double off = e->scores[i].recon + e->scores[i].kl - ratio * bytes[i];
        squares += off * off;
    }
    result->bits_per_byte.mean = ratio / log(2);
    result->bits_per_byte.error = n > 1 ? sqrt(n / (n - 1) * squares) / (double)result->bytes / log(2) : NAN;
cleanup:
    free(chunk);
    free(bytes);
    return status;
}

ltm_status ltm_eval(const struct ltm_model *model, const char *corpus, const struct ltm_config *config,
                    const struct ltm_watch *watch, struct ltm_eval_result *result, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct evaluation e = {.model = model, .config = *config};
    const double began = seconds_now();
    e.config.model = model->config.model;
    TRY(set_up(&e, corpus, error));
    struct score_options options = {
        .fast = e.config.fast, .samples = e.config.eval.samples, .seed = e.config.run.seed, .watch = watch};
    options.fast.steps = e.config.eval.fast_steps;
    options.fast.lr = e.config.eval.fast_lr;
    options.dump = e.config.eval.dump[0] ? &e.dump : NULL;
    TRY(score_sequences(e.scores, &e.workers, e.stream, e.starts, e.count, &options, error));
    const struct score_summary s = score_summarise(e.scores, e.count, e.config.model.sequence);
    *result = (struct ltm_eval_result){.recon = {s.recon, s.recon_error},
                                       .kl = {s.kl, s.kl_error},
                                       .bound = {s.bound, s.bound_error},
                                       .sequences = e.count,
                                       .tokens = e.count * e.config.model.sequence,
                                       .samples = e.config.model.latents ? options.samples : 1,
                                       .fast_steps = e.config.model.latents ? options.fast.steps : 0};
    TRY(count_bytes(&e, result, error));
    if (options.dump) TRY(write_dump(&e, error));
    result->seconds = seconds_now() - began;
cleanup:
    workers_free(&e.workers);
    token_stream_close(e.stream);
    free(e.starts);
    free(e.scores);
    free(e.dump.tokens), free(e.dump.targets), free(e.dump.nll);
    free(e.dump.mu), free(e.dump.logvar), free(e.dump.noise);
    return status;
}
