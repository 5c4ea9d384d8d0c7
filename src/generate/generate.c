#include "generate/generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/memory.h"
#include "base/processes.h"
#include "base/progress.h"
#include "config/chunks.h"
#include "generate/healing.h"
#include "generate/sample_writer.h"
#include "train/trained_model.h"

/* Samples that a thread has under way: as many as make its products worth it, while their caches stay small. */
enum { BATCH_MOST = 32 };
static const size_t batch_bytes = (size_t)256 << 20;

struct ltm_generate_options ltm_generate_defaults(void) {
    return (struct ltm_generate_options){.count = 1,
                                         .temperature = 0.8,
                                         .top_k = 0,
                                         .top_p = 0.95,
                                         .seed = 1,
                                         .stop_at_end = true,
                                         .threads = LTM_AUTO,
                                         .precision = LTM_PRECISION_AUTO,
                                         .batch = LTM_AUTO};
}

int64_t generate_prompt_count(const struct ltm_generate_options *o) {
    return o->prompts || o->prompt_tokens ? o->prompt_count : 1;
}

static ltm_status check_options(const struct ltm_generate_options *o, struct ltm_error *error) {
    const int64_t prompts = generate_prompt_count(o);
    if (o->count < 1) return fail(error, LTM_INVALID, "count = %" PRId64 ": ask for at least 1 sample", o->count);
    if (prompts < 1) return fail(error, LTM_INVALID, "the list of prompts is empty; give a prompt or NULL");
    if (o->count > (int64_t)UINT32_MAX / prompts)
        return fail(error, LTM_INVALID, "%" PRId64 " samples of %" PRId64 " prompts are too many; lower one of them",
                    o->count, prompts);
    if (o->first < 0 || o->first > o->count * prompts || o->last < 0 || o->last > o->count * prompts)
        return fail(error, LTM_INVALID, "samples %" PRId64 " to %" PRId64 " are not among 0 to %" PRId64, o->first,
                    o->last, o->count * prompts);
    if (o->length < 0) return fail(error, LTM_INVALID, "length = %d is negative; 0 means as many as fit", o->length);
    if (!(o->temperature >= 0 && o->temperature <= 100))
        return fail(error, LTM_INVALID, "temperature = %g is outside 0 … 100", o->temperature);
    if (o->top_k < 0) return fail(error, LTM_INVALID, "top-k = %d is negative; 0 means all tokens", o->top_k);
    for (int i = 0; i < o->stop_count; i++)
        if (!*o->stops[i]) return fail(error, LTM_INVALID, "a stop string is empty; give the text to stop before");
    if (!(o->top_p > 0 && o->top_p <= 1)) return fail(error, LTM_INVALID, "top-p = %g is outside (0, 1]", o->top_p);
    if (o->threads < 1 && o->threads != LTM_AUTO)
        return fail(error, LTM_INVALID, "threads = %d: ask for at least 1, or auto", o->threads);
    if (o->batch < 1 && o->batch != LTM_AUTO)
        return fail(error, LTM_INVALID, "batch = %d: ask for at least 1, or auto", o->batch);
    if (o->top < 0 || o->top > LTM_TOP_MOST)
        return fail(error, LTM_INVALID, "top = %d is outside 0 … %d", o->top, LTM_TOP_MOST);
    return LTM_OK;
}

static ltm_status check_z(const struct ltm_model *model, const struct ltm_generate_options *o,
                          struct ltm_error *error) {
    if (o->draws < LTM_DRAWS_EACH || o->draws > LTM_DRAWS_MEAN)
        return fail(error, LTM_INVALID, "draws = %d is not one of enum ltm_draws", o->draws);
    if (!o->z_only && o->draws == LTM_DRAWS_EACH) return LTM_OK;
    if (!model->config.model.latents)
        return fail(error, LTM_INVALID,
                    "the model has no latents (latent.count = 0): a prompt can give no z, and none is drawn");
    return o->draws == LTM_DRAWS_EACH ? LTM_OK
                                      : decoder_expect_fitted(model->decoder, "choosing how z is drawn", error);
}

/* The ids of a prompt, which the caller frees. */
static ltm_status prompt_ids(int32_t **ids, size_t *count, bool *heals, const struct writing *w, int64_t number,
                             struct ltm_error *error) {
    const struct ltm_generate_options *o = w->options;
    if (!o->prompt_tokens) {
        const char *text = o->prompts ? o->prompts[number] : "";
        const size_t bytes = strlen(text);
        *heals = !o->z_only && healing_wanted(w->blank, text, bytes);
        return ltm_tokenizer_encode(w->model->tokenizer, text, bytes - *heals, ids, count, error);
    }
    const struct ltm_prompt_tokens *given = &o->prompt_tokens[number];
    const int vocab = w->model->config.model.vocab;
    *count = given->count;
    PASS_UP(NEW_ARRAY(*ids, given->count + 1, "a prompt", error));
    for (size_t i = 0; i < given->count; i++) {
        if (given->ids[i] < 0 || given->ids[i] >= vocab)
            return fail(error, LTM_INVALID, "token %d is outside the vocabulary, 0 … %d", given->ids[i], vocab - 1);
        (*ids)[i] = given->ids[i];
    }
    return LTM_OK;
}

/* A prompt's ids behind the id that stands before them. Errors name it where there are several. */
static ltm_status read_prompt(struct prompt *prompt, const struct writing *w, int64_t number, int64_t prompts,
                              struct ltm_error *error) {
    const struct ltm_tokenizer *tokenizer = w->model->tokenizer;
    const int most = w->model->config.model.sequence;
    const int length = w->options->length;
    const bool alone = w->options->z_only; /* nothing stands behind it */
    char where[40] = "";
    int32_t *ids = NULL;
    size_t count = 0;
    size_t from = 0;
    if (prompts > 1) snprintf(where, sizeof where, "prompt %" PRId64 ": ", number + 1);
    ltm_status status = prompt_ids(&ids, &count, &prompt->heals, w, number, error);
    if (status != LTM_OK) {
        free(ids);
        return prompts > 1 ? fail_within(error, status, "prompt %" PRId64, number + 1) : status;
    }
    const bool over = count + !alone > (size_t)most;
    if (over && model_reads_on(&w->model->config.model) && !w->options->crop) {
        if (length == 0 && !alone) {
            status =
                fail(error, LTM_INVALID,
                     "%s%zu tokens of prompt fill model.sequence = %d; the model reads them, but say with --length "
                     "how many to write behind them",
                     where, count, most);
            goto cleanup;
        }
    } else if (over) {
        if (!w->options->crop) {
            status = fail(error, LTM_INVALID,
                          "%s%zu tokens of prompt%s exceed model.sequence = %d; shorten the prompt, or keep its end "
                          "with --crop",
                          where, count, alone ? "" : " and 1 more", most);
            goto cleanup;
        }
        from = count - (size_t)(alone ? most : length > 0 && length < most - most / 2 ? most - length : most / 2);
        count -= from;
    }
    prompt->count = (int)count;
    prompt->cropped = (int)from;
    prompt->fit = w->options->fit_tokens ? w->options->fit_tokens[number] - prompt->cropped : prompt->count;
    if (prompt->fit > prompt->count) prompt->fit = prompt->count;
    if (prompt->fit > most) prompt->fit = most; /* no latents then */
    if (prompt->fit < 0) prompt->fit = 0;
    TRY(NEW_ARRAY(prompt->ids, count + 1, "a prompt", error));
    prompt->ids[0] = from ? ids[from - 1] : ltm_tokenizer_end(tokenizer);
    if (count) memcpy(prompt->ids + 1, ids + from, count * sizeof *ids);
cleanup:
    free(ids);
    return status;
}

/* All prompts, and how long a pass over what a text goes on from must be. */
static ltm_status read_prompts(struct writing *w, struct prompt *prompts, int64_t count, const struct ltm_watch *watch,
                               struct ltm_error *error) {
    const struct ltm_generate_options *o = w->options;
    const int most = w->model->config.model.sequence;
    int64_t cropped = 0;
    int64_t dropped = 0;
    w->prompts = prompts;
    for (int64_t i = 0; i < count; i++) {
        PASS_UP(read_prompt(&prompts[i], w, i, count, error));
        cropped += prompts[i].cropped > 0;
        dropped += prompts[i].cropped;
        if (prompts[i].count > w->longest) w->longest = prompts[i].count;
    }
    w->shares = w->longest > most && o->count > 1;
    if (w->longest > most) w->longest = most;                                          /* the rest is read on */
    if (o->length > most - w->longest && w->longest < most / 2) w->longest = most / 2; /* some will slide */
    if (cropped)
        watch_message(watch, "cropped: %" PRId64 " tokens are dropped from the beginning of %" PRId64 " prompt%s",
                      dropped, cropped, cropped == 1 ? "" : "s");
    return LTM_OK;
}

/* Samples that are done wait here until all before them are. */
struct delivery {
    const struct ltm_generate_hooks *hooks;
    struct finished {
        struct ltm_sample sample;
        char *text;
    } * finished; /* [last - first] */
    int64_t first, next, count;
};

static bool on_done(void *user, struct ltm_sample *sample, char *text) {
    struct delivery *d = user;
    const struct ltm_generate_hooks *hooks = d->hooks;
    d->finished[sample->number - d->first] = (struct finished){*sample, text};
    for (; d->next < d->count && d->finished[d->next].text; d->next++) {
        struct finished *f = &d->finished[d->next];
        const bool more = !hooks->on_sample || hooks->on_sample(hooks->user, &f->sample);
        free(f->text);
        f->text = NULL;
        if (!more) {
            d->count = 0; /* no more of them */
            return false;
        }
        watch_progress(hooks->watch, "generating", (double)(d->next + 1), (double)d->count);
    }
    return true;
}

static bool on_text(void *user, const struct ltm_sample *sample, size_t fresh) {
    const struct delivery *d = user;
    return d->hooks->on_text(d->hooks->user, sample, fresh);
}

static void on_token(void *user, const struct ltm_sample *sample, const struct ltm_token *token) {
    const struct delivery *d = user;
    d->hooks->on_token(d->hooks->user, sample, token);
}

/* Threads with streams of their own, or, for a single sample, one stream that they share. */
static ltm_status run_writers(struct writing *w, const struct stream_weights *weights, struct ltm_error *error) {
    const struct ltm_generate_options *o = w->options;
    const int64_t samples = w->last - w->next;
    const int writers = samples < o->threads ? (int)samples : o->threads;
    const int team = samples == 1 ? stream_team(weights, o->threads) : 1;
    const struct plan *plan = &w->decoder->plan;
    const size_t one =
        decoder_stream_bytes(plan, 1, team) + (model_streams(&plan->config) ? streaming_text_bytes(plan) : 0);
    const int64_t each = (samples + writers - 1) / writers;
    const int64_t fit = (int64_t)(batch_bytes / one);
    int64_t slots = o->batch != LTM_AUTO ? o->batch : fit < 1 ? 1 : fit < BATCH_MOST ? fit : BATCH_MOST;
    if (slots > each) slots = each;
    struct sample_writer *all = NULL;
    ltm_status status = NEW_ARRAY(all, (size_t)writers, "threads", error);
    for (int i = 0; i < writers && status == LTM_OK; i++)
        status = sample_writer_create(&all[i], w, weights, (int)slots, team, error);
    if (status == LTM_OK) {
        if (writers == 1)
            sample_writer_run(&all[0]);
        else {
#pragma omp parallel num_threads(writers)
            for (int i = omp_get_thread_num(); i < writers; i += omp_get_num_threads()) sample_writer_run(&all[i]);
        }
        status = w->status;
        if (status != LTM_OK && error) *error = w->error;
    }
    for (int i = 0; all && i < writers; i++) sample_writer_free(&all[i]);
    free(all);
    return status;
}

static struct ltm_fast_config fast_of(const struct ltm_model *model, const struct ltm_generate_options *o) {
    struct ltm_config config = model->config;
    ltm_config_resolve(&config); /* an older file may lack a rate */
    return o->fast ? *o->fast : config.fast;
}

ltm_status generate_samples(const struct ltm_model *model, const struct ltm_generate_options *options,
                            const struct ltm_generate_hooks *hooks, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct ltm_generate_options o = *options;
    const int64_t prompt_count = generate_prompt_count(&o);
    struct prompt *prompts = NULL;
    bool *blank = NULL;
    struct decoder *decoder = NULL;
    struct stream_weights *weights = NULL;
    struct delivery delivery = {.hooks = hooks, .first = o.first};
    struct writing w = {.model = model,
                        .options = &o,
                        .fast = fast_of(model, &o),
                        .next = o.first,
                        .last = o.last ? o.last : o.count * prompt_count,
                        .on_text = hooks->on_text ? on_text : NULL,
                        .on_token = hooks->on_token ? on_token : NULL,
                        .on_done = on_done,
                        .user = &delivery,
                        .stop = hooks->stop};
    TRY(check_options(&o, error));
    TRY(check_z(model, &o, error));
    if (!model->tokenizer)
        return fail(error, LTM_UNSUPPORTED,
                    "the checkpoint has no tokenizer, so it cannot write text; train on a corpus that has one");
    if (o.threads == LTM_AUTO) o.threads = processes_threads();
    if (o.precision == LTM_PRECISION_AUTO) o.precision = model->config.run.precision;
    if (w.next >= w.last) return LTM_OK;
    TRY(NEW_ARRAY(prompts, (size_t)prompt_count, "prompts", error));
    TRY(healing_pieces(&blank, model->tokenizer, model->config.model.vocab, error));
    w.blank = blank;
    TRY(read_prompts(&w, prompts, prompt_count, hooks->watch, error));
    delivery.count = w.last - w.next;
    TRY(NEW_ARRAY(delivery.finished, (size_t)delivery.count, "samples", error));
    TRY(decoder_share(&decoder, model->decoder, 0, error));
    TRY(decoder_leave_early(decoder, o.exit, error));
    w.decoder = decoder;
    TRY(stream_weights_create(&weights, decoder, o.precision == LTM_PRECISION_BF16, o.threads, error));
    TRY(run_writers(&w, weights, error));
    if (delivery.next < delivery.count)
        status = fail(error, LTM_INTERRUPTED, "interrupted with %" PRId64 " of %" PRId64 " samples written",
                      delivery.next, delivery.count);
cleanup:
    for (int64_t i = 0; prompts && i < prompt_count; i++) free(prompts[i].ids);
    for (int64_t i = 0; delivery.finished && i < w.last - delivery.first; i++) free(delivery.finished[i].text);
    free(prompts);
    free(blank);
    free(delivery.finished);
    stream_weights_free(weights);
    decoder_free(decoder);
    return status;
}
