#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/memory.h"
#include "base/progress.h"
#include "latent/workers.h"
#include "ltm/samples.h"
#include "score/score_means.h"
#include "train/trained_model.h"

/* A text, or with the others of it a part of one that is longer than a sequence: ids[0 … length - 1] are read, ids[1 … length]
 * scored. */
struct judged {
    const int32_t *ids;
    int length;
};

struct judging {
    const struct ltm_model *model;
    const struct ltm_config *config;
    int32_t **ids;        /* [texts] */
    struct judged *parts; /* [count] */
    size_t count, room;
    double *recon, *kl, *bound, *tokens, *bytes; /* [count] */
    bool *diverged; /* [count]: the fit did; the prior, which stands in for it, bounds too */
};

/* The whole text in the judge's tokens: the id that begins a document, prompt, text, and the document's end if it came. */
static ltm_status encode(const struct ltm_tokenizer *tokenizer, const struct ltm_text *text, int32_t **ids,
                         size_t *count, struct ltm_error *error) {
    const size_t before = text->prompt ? strlen(text->prompt) : 0;
    char *whole = malloc(before + text->bytes + 1);
    int32_t *inner = NULL;
    ltm_status status = LTM_OK;
    if (!whole) return fail_memory(error, before + text->bytes + 1, "a sample");
    if (before) memcpy(whole, text->prompt, before);
    if (text->bytes) memcpy(whole + before, text->text, text->bytes);
    TRY(ltm_tokenizer_encode(tokenizer, whole, before + text->bytes, &inner, count, error));
    TRY(NEW_ARRAY(*ids, *count + 2, "a sample's tokens", error));
    (*ids)[0] = (*ids)[*count + 1] = ltm_tokenizer_end(tokenizer);
    if (*count) memcpy(*ids + 1, inner, *count * sizeof *inner);
    if (text->ended) ++*count;
cleanup:
    free(whole);
    free(inner);
    return status;
}

/* Sequences of at most T tokens. */
static ltm_status cut(struct judging *j, const int32_t *ids, size_t count, struct ltm_error *error) {
    const size_t T = (size_t)j->model->config.model.sequence;
    for (size_t at = 0; at < count; at += T) {
        PASS_UP(GROW_ARRAY(j->parts, j->room, j->count + 1, "samples", error));
        j->parts[j->count++] = (struct judged){ids + at, (int)(count - at < T ? count - at : T)};
    }
    return LTM_OK;
}

/* recon and KL of the i-th part, as score_posterior takes them (latent/score.h). A part is fitted alone, so that its score
 * does not depend on the others. */
static void score_fitted(const struct judging *j, size_t i, struct decoder_pass *pass, struct fast_loop *loop) {
    const struct judged *part = &j->parts[i];
    const struct ltm_config *c = j->config;
    const uint32_t number = (uint32_t)i;
    const struct noise_source fit = {{.seed = c->run.seed, .purpose = RANDOM_SCORE_FIT}, &number};
    const struct noise_source fresh = {{.seed = c->run.seed, .purpose = RANDOM_SCORE_NOISE}, &number};
    const int samples = loop->latents ? c->eval.samples : 1;
    struct ltm_fast_config fast = c->fast;
    fast.steps = c->eval.fast_steps;
    fast.lr = c->eval.fast_lr;
    decoder_begin(pass, part->ids, part->ids + 1, 1, part->length);
    if (loop->latents) {
        fast_loop_start(loop, &fast, 1);
        fast_loop_run(loop, pass, &fast, &fit, 1, part->length, NULL);
        j->kl[i] = fast_loop_kl(loop, 0);
        j->diverged[i] = loop->diverged[0];
    }
    for (int k = 0; k < samples; k++) {
        if (loop->latents) {
            fast_loop_draw(loop, &fresh, 1, k);
            posterior_sample(loop->z, loop->mu, loop->logvar, loop->noise, loop->latents);
        }
        decoder_score(pass, loop->z, loop->nll);
        for (int t = 0; t < part->length; t++) j->recon[i] += (double)loop->nll[t] / samples;
    }
}

static void score_read(const struct judging *j, size_t i, struct worker *w) {
    const struct judged *part = &j->parts[i];
    const struct streaming_reading reading = {.tokens = part->ids, .targets = part->ids + 1, .nll = w->loop.nll};
    streaming_read(&w->streaming, w->pass, &reading, 1, part->length);
    j->recon[i] = fast_loop_nll(&w->loop, 0, 0, part->length);
}

static void score(const struct judging *j, size_t i, struct worker *w) {
    const struct judged *part = &j->parts[i];
    if (w->streaming.block)
        score_read(j, i, w);
    else
        score_fitted(j, i, w->pass, &w->loop);
    j->bound[i] = j->recon[i] + j->kl[i];
    j->tokens[i] = part->length;
    for (int t = 1; t <= part->length; t++)
        j->bytes[i] += (double)ltm_tokenizer_piece_bytes(j->model->tokenizer, part->ids[t]);
}

static void tell_diverged(const struct judging *j, const struct ltm_watch *watch) {
    size_t diverged = 0;
    for (size_t i = 0; i < j->count; i++) diverged += j->diverged[i];
    if (diverged)
        watch_message(
            watch,
            "the judge's fast loop diverged on %zu of %zu texts, which are scored under the prior; the bound stays "
            "valid",
            diverged, j->count);
}

static ltm_status score_all(struct judging *j, const struct ltm_watch *watch, struct ltm_error *error) {
    const int T = j->model->config.model.sequence;
    const int threads = workers_needed(j->config->run.threads, (int64_t)j->count);
    struct workers workers = {0};
    size_t done = 0;
    ltm_status status = LTM_OK;
    TRY(NEW_ARRAY(j->recon, j->count, "scores", error));
    TRY(NEW_ARRAY(j->kl, j->count, "scores", error));
    TRY(NEW_ARRAY(j->bound, j->count, "scores", error));
    TRY(NEW_ARRAY(j->tokens, j->count, "scores", error));
    TRY(NEW_ARRAY(j->bytes, j->count, "scores", error));
    TRY(NEW_ARRAY(j->diverged, j->count, "scores", error));
    TRY(workers_create(&workers, j->model->decoder, &j->config->fast, threads, 1, T, false, error));
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (size_t i = 0; i < j->count; i++) {
        struct worker *w = &workers.each[omp_get_thread_num()];
        score(j, i, w);
#pragma omp critical(judge_progress)
        watch_progress(watch, "judging", (double)++done, (double)j->count);
    }
    TRY(workers_status(&workers, error));
    for (size_t i = 0; i < j->count && status == LTM_OK; i++)
        if (!isfinite(j->bound[i]))
            status = decoder_fail_nonfinite(j->model->decoder, "the judge's score of a sample is not finite",
                                            "lower fast.lr or take another judge", error);
    if (status == LTM_OK) tell_diverged(j, watch);
cleanup:
    workers_free(&workers);
    return status;
}

ltm_status ltm_judge(const struct ltm_model *judge, const struct ltm_text *texts, size_t count,
                     const struct ltm_config *config, const struct ltm_watch *watch, struct ltm_judgement *judgement,
                     struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct ltm_config resolved = *config;
    struct judging j = {.model = judge, .config = &resolved};
    resolved.model = judge->config.model;
    *judgement = (struct ltm_judgement){.recon = no_measure, .kl = no_measure, .bound = no_measure};
    if (!judge->tokenizer)
        return fail(error, LTM_UNSUPPORTED, "the judge has no tokenizer, so it cannot read text; take another one");
    TRY(ltm_config_check(&resolved, error));
    ltm_config_resolve(&resolved);
    TRY(NEW_ARRAY(j.ids, count, "samples", error));
    for (size_t i = 0; i < count; i++) {
        size_t tokens = 0;
        TRY(encode(judge->tokenizer, &texts[i], &j.ids[i], &tokens, error));
        TRY(cut(&j, j.ids[i], tokens, error));
        judgement->tokens += (int64_t)tokens;
    }
    if (j.count == 0) {
        status = fail(error, LTM_INVALID, "the samples contain no text, so there is nothing to judge");
        goto cleanup;
    }
    TRY(score_all(&j, watch, error));
    judgement->texts = (int64_t)count;
    for (size_t i = 0; i < j.count; i++) judgement->bytes += (int64_t)j.bytes[i];
    judgement->recon = score_means(j.recon, j.bytes, j.tokens, 0, (int64_t)j.count);
    judgement->kl = score_means(j.kl, j.bytes, j.tokens, 0, (int64_t)j.count);
    judgement->kl.perplexity = no_measure.perplexity; /* a KL is of no token */
    judgement->bound = score_means(j.bound, j.bytes, j.tokens, 0, (int64_t)j.count);
cleanup:
    for (size_t i = 0; j.ids && i < count; i++) free(j.ids[i]);
    free(j.ids), free(j.parts);
    free(j.recon), free(j.kl), free(j.bound), free(j.tokens), free(j.bytes);
    free(j.diverged);
    return status;
}
