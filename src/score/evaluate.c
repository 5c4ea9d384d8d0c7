#include "score/evaluate.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/processes.h"
#include "base/safetensors.h"
#include "config/chunks.h"
#include "latent/depth.h"
#include "latent/score.h"
#include "latent/score_file.h"
#include "latent/score_streaming.h"
#include "ltm/corpus.h"
#include "math/matmul.h"
#include "model/model_file.h"
#include "score/score_means.h"
#include "stages/model_shape.h"
#include "text/corpus_info.h"
#include "text/sequence_source.h"
#include "train/resume_check.h"
#include "train/trained_model.h"

#define DUMP_FORMAT "ltm-dump-1"

struct evaluation {
    const struct ltm_model *model;
    struct ltm_config config;
    struct decoder *decoder; /* the model's weights, for products in the requested precision */
    struct token_stream *stream;
    struct stream_windows windows;
    struct workers workers;
    int64_t count;
    struct sequence_score *scores;
    struct score_dump dump;
    struct ltm_depth *depths; /* [count], or NULL if no position leaves loops */
};

/* The corpus must have been built with the model's tokenizer; bare shards do not record theirs. */
static ltm_status check_corpus(const struct ltm_model *model, const char *corpus, struct ltm_error *error) {
    struct ltm_corpus_info info;
    bool known;
    const ltm_status status = corpus_info_find(&info, &known, corpus, error);
    if (status != LTM_OK || !known || !model->digest[0]) return status;
    if (strcmp(info.tokenizer_digest, model->digest) == 0) return LTM_OK;
    return fail(error, LTM_MISMATCH,
                "the corpus %s was built with tokenizer %s, but the model was trained with %s; rebuild "
                "it with the model's tokenizer.model",
                corpus, info.tokenizer_digest, model->digest);
}

static ltm_status new_dump(struct evaluation *e, struct ltm_error *error) {
    const size_t n = (size_t)e->count;
    const size_t tokens = n * (size_t)e->config.model.sequence;
    const size_t numbers = n * (size_t)e->config.model.latents * (size_t)e->config.model.dim;
    PASS_UP(NEW_ARRAY(e->dump.tokens, tokens, "the dump", error));
    PASS_UP(NEW_ARRAY(e->dump.targets, tokens, "the dump", error));
    PASS_UP(NEW_ARRAY(e->dump.nll, tokens, "the dump", error));
    e->dump.dim = (size_t)e->config.model.dim;
    const size_t states = tokens * (size_t)e->config.model.dim;
    if (e->config.eval.states) PASS_UP(NEW_ARRAY(e->dump.states, states, "the dump", error));
    PASS_UP(NEW_ARRAY(e->dump.mu, numbers, "the dump", error));
    PASS_UP(NEW_ARRAY(e->dump.logvar, numbers, "the dump", error));
    return NEW_ARRAY(e->dump.noise, numbers, "the dump", error);
}

static ltm_status write_dump(const struct evaluation *e, struct ltm_error *error) {
    const int64_t n = e->count;
    const int64_t T = e->config.model.sequence;
    const int64_t N = e->config.model.latents;
    const int64_t d = e->config.model.dim;
    const size_t tokens = (size_t)(n * T);
    const size_t numbers = (size_t)(n * N * d);
    const struct safetensors_tensor tensors[] = {
        {"tokens", SAFETENSORS_I32, 2, {n, T}, tokens * sizeof(int32_t), e->dump.tokens},
        {"targets", SAFETENSORS_I32, 2, {n, T}, tokens * sizeof(int32_t), e->dump.targets},
        {"mu", SAFETENSORS_F32, 3, {n, N, d}, numbers * sizeof(float), e->dump.mu},
        {"logvar", SAFETENSORS_F32, 3, {n, N, d}, numbers * sizeof(float), e->dump.logvar},
        {"noise", SAFETENSORS_F32, 3, {n, N, d}, numbers * sizeof(float), e->dump.noise},
        {"nll_per_token", SAFETENSORS_F32, 2, {n, T}, tokens * sizeof(float), e->dump.nll},
        {"states", SAFETENSORS_F32, 3, {n, T, d}, (size_t)(n * T * d) * sizeof(float), e->dump.states}, /* the last */
    };
    const size_t count = sizeof tensors / sizeof *tensors - (e->dump.states ? 0 : 1);
    char step[24];
    snprintf(step, sizeof step, "%" PRId64, e->model->step);
    const struct safetensors_pair metadata[] = {
        {"format", DUMP_FORMAT}, {"step", step}, {"tokenizer.digest", e->model->digest}};
    return safetensors_write(e->config.eval.dump, tensors, count, metadata, 3, error);
}

/* Sequences may be cut otherwise than in training; attention is the model's own. */
static ltm_status set_packing(struct evaluation *e, const struct ltm_model_config *asked, struct ltm_error *error) {
    struct ltm_model_config *m = &e->config.model;
    *m = e->model->config.model;
    if (asked->packing == m->packing) return LTM_OK;
    if (asked->packing == LTM_PACKING_MASKED)
        return fail(error, LTM_INVALID,
                    "data.packing = masked needs a model that was trained with it; use packed or document");
    m->packing = asked->packing;
    if (m->document_end == LTM_AUTO) m->document_end = asked->document_end;
    if (m->document_end == LTM_AUTO && e->model->tokenizer) m->document_end = ltm_tokenizer_end(e->model->tokenizer);
    if (m->document_end != LTM_AUTO) return LTM_OK;
    return fail(error, LTM_INVALID, "the model has no tokenizer to say where documents end; set data.document_end");
}

static ltm_status set_up(struct evaluation *e, const char *corpus, struct ltm_error *error) {
    const int T = e->config.model.sequence;
    PASS_UP(matmul_start(error));
    PASS_UP(ltm_config_check(&e->config, error));
    ltm_config_resolve(&e->config);
    PASS_UP(safetensors_check_place(e->config.eval.dump, DUMP_FORMAT, "eval.dump", "dump", error));
    PASS_UP(check_corpus(e->model, corpus, error));
    PASS_UP(token_stream_open(&e->stream, corpus, e->config.eval.split, error));
    PASS_UP(heldout_windows(&e->windows, e->stream, &e->config.model, e->config.eval.sequences, error));
    e->count = e->windows.source.count;
    PASS_UP(NEW_ARRAY(e->scores, (size_t)e->count, "sequences", error));
    PASS_UP(trained_model_decoder(&e->decoder, e->model, e->config.run.precision, e->config.eval.loops,
                                  e->config.run.threads, error));
    PASS_UP(decoder_leave_early(e->decoder, e->config.eval.exit, error));
    if (plan_leaves(&e->decoder->plan)) PASS_UP(NEW_ARRAY(e->depths, (size_t)e->count, "depths", error));
    const int group = workers_group(model_chunk(&e->config.model));
    const int threads = workers_needed(e->config.run.threads, (e->count + group - 1) / group);
    PASS_UP(workers_create(&e->workers, e->decoder, &e->config.fast, threads, group, T, false, error));
    if (e->config.eval.dump[0]) {
        PASS_UP(file_try(e->config.eval.dump, error));
        PASS_UP(new_dump(e, error));
    }
    return LTM_OK;
}

/* Bytes of text of the targets of each sequence, from target `from` on. */
static void count_bytes(const struct evaluation *e, int from, double *bytes) {
    struct worker *w = &e->workers.each[0];
    for (int64_t i = 0; i < e->count; i++)
        bytes[i] = sequence_bytes(&e->windows.source, e->model->tokenizer, i, from, e->config.model.sequence, w->tokens,
                                  w->targets, w->weights);
}

/* The source of each figure of a result: a field of struct sequence_score, or the sum of two. */
struct figure {
    struct ltm_measure *measure;
    size_t field, plus; /* offsets; plus 0 = none, since recon, at 0, is never added */
    bool asked, rest;   /* of the rest of a sequence */
};

#define AT(name) offsetof(struct sequence_score, name)

static ltm_status measure_all(const struct evaluation *e, const struct score_options *options,
                              struct ltm_eval_result *r, struct ltm_error *error) {
    const int P = options->first_part;
    const struct figure figures[] = {
        {&r->recon, AT(recon), 0, true, false},
        {&r->kl, AT(kl), 0, true, false},
        {&r->bound, AT(recon), AT(kl), true, false},
        {&r->iwae, AT(iwae), 0, options->iwae > 0, false},
        {&r->prior, AT(prior), 0, options->prior > 0, false},
        {&r->fitted_noise, AT(fitted), 0, options->fitted_noise && e->config.model.latents > 0, false},
        {&r->start, AT(start), 0, options->start, false},
        {&r->gap, AT(gap), 0, options->start, false},
        {&r->drawn, AT(drawn), 0, model_streams(&e->config.model), false},
        {&r->frozen, AT(frozen), 0, r->stream.parts > 0, false},
        {&r->others, AT(others), 0, model_streams(&e->config.model), false},
        {&r->zero, AT(zero), 0, model_streams(&e->config.model), false},
        {&r->continuation, AT(rest), 0, P > 0, true},
        {&r->continuation_prior, AT(rest_prior), 0, P > 0 && options->prior > 0, true},
    };
    ltm_status status = LTM_OK;
    double *values = NULL;
    double *bytes = NULL;
    double *rest_bytes = NULL;
    double *tokens = NULL;
    double *rest_tokens = NULL;
    double all_rest = 0;
    TRY(NEW_ARRAY(values, (size_t)e->count, "scores", error));
    TRY(NEW_ARRAY(tokens, (size_t)e->count, "scores", error));
    TRY(NEW_ARRAY(rest_tokens, (size_t)e->count, "scores", error));
    for (int64_t i = 0; i < e->count; i++) {
        tokens[i] = e->scores[i].tokens;
        rest_tokens[i] = e->scores[i].rest_tokens;
        r->tokens += (int64_t)tokens[i];
        all_rest += rest_tokens[i];
    }
    if (e->model->tokenizer) {
        TRY(NEW_ARRAY(bytes, (size_t)e->count, "byte counts", error));
        TRY(NEW_ARRAY(rest_bytes, (size_t)e->count, "byte counts", error));
        count_bytes(e, 0, bytes);
        count_bytes(e, P, rest_bytes);
        for (int64_t i = 0; i < e->count; i++) r->bytes += (int64_t)bytes[i];
    }
    for (size_t f = 0; f < sizeof figures / sizeof *figures; f++) {
        const struct figure *from = &figures[f];
        *from->measure = no_measure;
        if (!from->asked || (from->rest && all_rest == 0)) continue;
        for (int64_t i = 0; i < e->count; i++) {
            const char *score = (const char *)&e->scores[i];
            values[i] = *(const double *)(score + from->field);
            if (from->plus) values[i] += *(const double *)(score + from->plus);
        }
        *from->measure =
            score_means(values, from->rest ? rest_bytes : bytes, from->rest ? rest_tokens : tokens, 0, e->count);
    }
    r->kl.perplexity = r->gap.perplexity = no_measure.perplexity; /* of no token */
cleanup:
    free(values);
    free(bytes);
    free(rest_bytes);
    free(tokens);
    free(rest_tokens);
    return status;
}

/* Processes that score together must score one model on one corpus. */
static ltm_status compare_processes(const struct evaluation *e, struct ltm_error *error) {
    char inputs[64];
    char weights[17];
    if (processes_count() == 1) return LTM_OK;
    const struct decoder *decoder = e->model->decoder;
    checksum_hex(weights, decoder->weights, decoder->plan.table.size * sizeof *decoder->weights);
    snprintf(inputs, sizeof inputs, "%s %" PRIu64, weights, (uint64_t)token_stream_count(e->stream));
    return processes_check_config(&e->config, inputs, true, error);
}

/* The tokens of a share of a sequence: at least one, and at least one less than all. */
static int first_part(double share, int length) {
    const int tokens = (int)(share * length);
    if (share <= 0) return 0;
    return tokens < 1 ? 1 : tokens > length - 1 ? length - 1 : tokens;
}

static struct score_options options_of(const struct evaluation *e, const struct ltm_watch *watch) {
    const struct ltm_eval_config *c = &e->config.eval;
    struct score_options options = {.fast = e->config.fast,
                                    .samples = c->samples,
                                    .iwae = c->iwae,
                                    .prior = c->prior,
                                    .first_part = first_part(c->continuation, e->config.model.sequence),
                                    .fitted_noise = e->config.fast.noise == LTM_NOISE_FIXED,
                                    .start = model_encodes(&e->config.model),
                                    .seed = e->config.run.seed,
                                    .dump = c->dump[0] ? &e->dump : NULL,
                                    .depths = e->depths,
                                    .watch = watch};
    if (model_streams(&e->config.model)) options.iwae = options.prior = options.first_part = options.fitted_noise = 0;
    options.fast.steps = c->fast_steps;
    options.fast.lr = c->fast_lr;
    return options;
}

ltm_status ltm_eval(const struct ltm_model *model, const char *corpus, const struct ltm_config *config,
                    const struct ltm_watch *watch, struct ltm_eval_result *result, struct ltm_error *error) {
    return evaluate(model, corpus, config, NULL, watch, result, error);
}

ltm_status evaluate(const struct ltm_model *model, const char *corpus, const struct ltm_config *config,
                    const char *sequences, const struct ltm_watch *watch, struct ltm_eval_result *result,
                    struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct evaluation e = {.model = model, .config = *config};
    const double began = seconds_now();
    const bool latents = model->config.model.latents > 0;
    int64_t first;
    TRY(processes_agree(set_packing(&e, &config->model, error), error));
    TRY(processes_agree(set_up(&e, corpus, error), error));
    TRY(compare_processes(&e, error));
    const struct score_options options = options_of(&e, watch);
    TRY(score_sequences(e.scores, &e.workers, &e.windows.source, &options, error));
    *result = (struct ltm_eval_result){.sequences = e.count,
                                       .diverged = score_diverged(e.scores, e.count, &first),
                                       .first_part = options.first_part,
                                       .samples = latents ? options.samples : 1,
                                       .iwae_samples = latents || !options.iwae ? options.iwae : 1,
                                       .prior_samples = latents || !options.prior ? options.prior : 1,
                                       .fast_steps = latents ? options.fast.steps : 0,
                                       .fast_lr = options.fast.lr,
                                       .loops = plan_loops(&e.decoder->plan)};
    result->depth = e.depths ? depth_sum(e.depths, e.count) : (struct ltm_depth){.mean = result->loops};
    if (model_carries(&e.config.model)) result->stream = score_streaming_summarise(e.scores, e.count, &e.config.model);
    TRY(measure_all(&e, &options, result, error));
    if (options.dump && processes_rank() == 0) status = write_dump(&e, error);
    if (status == LTM_OK && sequences && processes_rank() == 0)
        status = score_write(sequences, e.scores, &e.windows.source, e.config.model.sequence, &options, error);
    TRY(processes_agree(status, error));
    result->seconds = seconds_now() - began;
cleanup:
    workers_free(&e.workers);
    decoder_free(e.decoder);
    stream_windows_free(&e.windows);
    token_stream_close(e.stream);
    free(e.scores);
    free(e.depths);
    free(e.dump.tokens), free(e.dump.targets), free(e.dump.nll), free(e.dump.states);
    free(e.dump.mu), free(e.dump.logvar), free(e.dump.noise);
    return status;
}
