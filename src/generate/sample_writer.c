#include "generate/sample_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "config/chunks.h"
#include "train/trained_model.h"

ltm_status sample_writer_create(struct sample_writer *writer, struct writing *shared,
                                const struct stream_weights *weights, int slots, int threads, struct ltm_error *error) {
    const struct ltm_generate_options *o = shared->options;
    const struct decoder *decoder = shared->decoder;
    const int longest = shared->longest;
    *writer = (struct sample_writer){.shared = shared, .slots = slots, .fitted = -1, .read = -1};
    PASS_UP(NEW_ARRAY(writer->slot, (size_t)slots, "samples", error));
    PASS_UP(NEW_ARRAY(writer->order, (size_t)slots, "samples", error));
    PASS_UP(NEW_ARRAY(writer->tokens, (size_t)slots, "samples", error));
    PASS_UP(decoder_stream_create(&writer->stream, weights, slots + shared->shares, threads, error));
    PASS_UP(sampler_create(&writer->sampler, decoder->plan.config.vocab, o->temperature, o->top_k, o->top_p, error));
    PASS_UP(fast_loop_create(&writer->loop, decoder, &shared->fast, 1, longest ? longest : 1, error));
    if (longest && !model_streams(&decoder->plan.config))
        PASS_UP(decoder_pass_create(&writer->pass, decoder, 1, longest, false, error));
    struct history_reader reader = {.stream = writer->stream, .pass = writer->pass, .nll = writer->loop.nll};
    for (int i = 0; i < slots; i++) {
        writer->order[i] = i;
        PASS_UP(NEW_ARRAY(writer->slot[i].z, writer->loop.latents, "latents", error));
        reader.slot = i;
        reader.z = writer->slot[i].z;
        PASS_UP(history_create(&writer->slot[i].history, decoder, &reader, error));
    }
    reader.slot = slots;
    if (shared->shares) PASS_UP(history_create(&writer->reader, decoder, &reader, error));
    return LTM_OK;
}

void sample_writer_free(struct sample_writer *writer) {
    for (int i = 0; writer->slot && i < writer->slots; i++) {
        free(writer->slot[i].text.text);
        history_free(&writer->slot[i].history);
        free(writer->slot[i].z);
    }
    history_free(&writer->reader);
    free(writer->slot);
    free(writer->order);
    free(writer->tokens);
    decoder_stream_free(writer->stream);
    decoder_pass_free(writer->pass);
    fast_loop_free(&writer->loop);
    sampler_free(&writer->sampler);
}

/* q(z | prompt) by the fast loop, or the prior where the prompt is empty. A prompt is fitted alone, so that its posterior does
 * not depend on what else there is. */
static ltm_status fit(struct sample_writer *w, int64_t number, struct ltm_error *error) {
    const struct prompt *prompt = &w->shared->prompts[number];
    const uint32_t sequence = (uint32_t)number;
    const struct noise_source noise = {{.seed = w->shared->options->seed, .purpose = RANDOM_SCORE_FIT}, &sequence};
    if (w->fitted == number) return LTM_OK;
    w->fitted = number;
    if (prompt->fit == 0) {
        fast_loop_prior(&w->loop, 1);
        return LTM_OK;
    }
    decoder_begin(w->pass, prompt->ids, prompt->ids + 1, 1, prompt->fit);
    PASS_UP(decoder_pass_status(w->pass, error));
    fast_loop_start(&w->loop, &w->shared->fast, 1);
    fast_loop_run(&w->loop, w->pass, &w->shared->fast, &noise, 1, prompt->fit, NULL);
    if (!w->loop.diverged[0]) return LTM_OK;
    char what[80];
    snprintf(what, sizeof what, "the fast loop diverged on prompt %lld", (long long)number + 1);
    return decoder_fail_nonfinite(w->shared->decoder, what, "use a lower fast.lr", error);
}

static bool is_stopped(struct writing *shared) {
    bool stopped;
#pragma omp atomic read
    stopped = shared->stopped;
    return stopped || (shared->stop && __atomic_load_n(shared->stop, __ATOMIC_RELAXED));
}

/* z of a sample whose latents do not stream. */
static ltm_status draw_z(struct sample_writer *w, float *z, int64_t number, struct ltm_error *error) {
    const struct ltm_generate_options *o = w->shared->options;
    const int64_t prompt = number / o->count;
    const uint32_t sequence = (uint32_t)(o->draws == LTM_DRAWS_ONE ? prompt * o->count : number);
    const struct noise_source noise = {{.seed = o->seed, .purpose = RANDOM_PRIOR}, &sequence};
    PASS_UP(fit(w, prompt, error));
    if (o->draws == LTM_DRAWS_MEAN) {
        memcpy(z, w->loop.mu, w->loop.latents * sizeof *z);
        return LTM_OK;
    }
    fast_loop_draw(&w->loop, &noise, 1, 0);
    posterior_sample(z, w->loop.mu, w->loop.logvar, w->loop.noise, w->loop.latents);
    return LTM_OK;
}

/* A prompt that gives z alone is forgotten: a document begins. */
static void forget_prompt(struct sample_writer *w, int slot) {
    struct sample_slot *s = &w->slot[slot];
    history_forget(&s->history, 0);
    s->history.tokens[0] = ltm_tokenizer_end(w->shared->model->tokenizer);
    history_read(&s->history);
}

/* All of a prompt, unless the work is stopped. */
static void read_prompt(const struct sample_writer *w, struct history *history, const struct prompt *p) {
    const size_t count = (size_t)p->count;
    int dropped = 0;
    for (size_t i = history_begin(history, p->ids, count); i < count && !is_stopped(w->shared);)
        i += history_read_on(history, p->ids + 1 + i, count - i, &dropped);
}

/* z of a sample, unless it streams, and the stream behind its prompt. */
static ltm_status begin(struct sample_writer *w, int slot, int64_t number, struct ltm_error *error) {
    const struct ltm_generate_options *o = w->shared->options;
    const int64_t prompt = number / o->count;
    const struct prompt *p = &w->shared->prompts[prompt];
    struct sample_slot *s = &w->slot[slot];
    if (!s->history.state) PASS_UP(draw_z(w, s->z, number, error));
    if (w->shared->shares && p->count > s->history.most) {
        if (w->read != prompt) read_prompt(w, &w->reader, p);
        w->read = prompt;
        history_copy(&s->history, &w->reader);
    } else if (!o->z_only || s->history.state) /* else z has been fitted on it */
        read_prompt(w, &s->history, p);
    if (o->z_only) forget_prompt(w, slot);
    s->sample = (struct ltm_sample){.number = number, .prompt = prompt, .cropped = p->cropped};
    s->heals = p->heals;
    s->left = o->length > 0 ? o->length : w->shared->model->config.model.sequence - (o->z_only ? 0 : p->count);
    return LTM_OK;
}

/* Tell of text that is new; at the end of a sample of all of it. False when the sample is to end. */
static bool tell(struct sample_writer *w, struct sample_slot *s, bool end) {
    struct writing *shared = w->shared;
    const struct ltm_generate_options *o = shared->options;
    const size_t ready = end ? s->text.bytes : sample_text_ready(&s->text, o->stops, o->stop_count);
    const size_t fresh = ready - s->text.told;
    bool more = true;
    s->text.told = ready;
    if (!shared->on_text || fresh == 0) return true;
    struct ltm_sample so_far = s->sample;
    so_far.text = s->text.text;
    so_far.bytes = ready;
#pragma omp critical(generation)
    more = shared->on_text(shared->user, &so_far, fresh);
    return more;
}

/* Tell of a token, and of the likeliest in its place. */
static void tell_token(struct sample_writer *w, const struct sample_slot *s, const float *logits, int32_t id,
                       double log_p) {
    struct writing *shared = w->shared;
    int32_t top[LTM_TOP_MOST];
    double top_log_p[LTM_TOP_MOST];
    const struct ltm_token token = {id, s->text.bytes, log_p, top, top_log_p};
    if (!shared->on_token) return;
    const int n = sampler_likeliest(top, logits, w->sampler.vocab, shared->options->top);
    for (int i = 0; i < n; i++) top_log_p[i] = sampler_log_p(&w->sampler, logits, top[i]);
#pragma omp critical(generation)
    shared->on_token(shared->user, &s->sample, &token);
}

static void stop_for(struct writing *shared, const struct ltm_error *error) {
#pragma omp critical(generation)
    if (shared->status == LTM_OK) {
        shared->status = error->code;
        shared->error = *error;
#pragma omp atomic write
        shared->stopped = true;
    }
}

/* Take the token that follows. False when the sample ends here. */
static bool take_token(struct sample_writer *w, struct sample_slot *s, const float *logits, int depth,
                       struct ltm_error *error) {
    const struct ltm_tokenizer *tokenizer = w->shared->model->tokenizer;
    const struct ltm_generate_options *o = w->shared->options;
    const struct random_key key = {.seed = o->seed, .purpose = RANDOM_GENERATE, .sequence = (uint32_t)s->sample.number};
    w->sampler.only = s->heals ? w->shared->blank : NULL;
    const int32_t token = sampler_pick(&w->sampler, logits, random_uniform(key, (uint32_t)s->sample.tokens));
    const double log_p = sampler_log_p(&w->sampler, logits, token);
    if (!isfinite(log_p)) {
        decoder_fail_nonfinite(w->shared->decoder, "the model's logits are not finite",
                               "use a checkpoint from before the training diverged", error);
        return false;
    }
    s->sample.log_p += log_p;
    s->sample.tokens++;
    s->sample.depth += (depth - s->sample.depth) / s->sample.tokens;
    s->left--;
    s->history.tokens[++s->history.count] = token;
    if (sample_text_append(&s->text, tokenizer, token, s->heals, error) != LTM_OK) return false;
    s->heals = false;
    tell_token(w, s, logits, token, log_p);
    if (s->text.ended && o->stop_at_end) {
        s->sample.finish = LTM_FINISH_END;
        return false;
    }
    if (sample_text_stop(&s->text, o->stops, o->stop_count)) {
        s->sample.finish = LTM_FINISH_STOP;
        return false;
    }
    return tell(w, s, false) && s->left > 0;
}

/* Hand a sample over with its text. */
static void finish(struct sample_writer *w, struct sample_slot *s) {
    struct writing *shared = w->shared;
    tell(w, s, true);
    s->sample.text = s->text.text;
    s->sample.bytes = s->text.bytes;
    bool more;
#pragma omp critical(generation)
    more = shared->on_done(shared->user, &s->sample, s->text.text);
    s->text = (struct sample_text){0};
    if (!more)
#pragma omp atomic write
        shared->stopped = true;
}

/* The number of the next sample, or -1. */
static int64_t next_sample(struct writing *shared) {
    int64_t number;
#pragma omp atomic capture
    number = shared->next++;
    return number < shared->last ? number : -1;
}

void sample_writer_run(struct sample_writer *w) {
    struct writing *shared = w->shared;
    struct ltm_error error = {0};
    const size_t vocab = (size_t)shared->decoder->plan.config.vocab;
    const int loops = plan_loops(&shared->decoder->plan);
    bool left = true;
    while (!is_stopped(shared) && error.code == LTM_OK) {
        while (left && w->active < w->slots && !is_stopped(shared)) {
            const int64_t number = next_sample(shared);
            left = number >= 0 && begin(w, w->order[w->active], number, &error) == LTM_OK;
            w->active += left;
        }
        if (w->active == 0 || error.code != LTM_OK || is_stopped(shared)) break; /* a prompt may be read in part */
        for (int i = 0; i < w->active; i++) {
            struct sample_slot *s = &w->slot[w->order[i]];
            history_slide(&s->history);
            w->tokens[i] = s->history.tokens[s->history.count];
        }
        const float *logits = decoder_stream_step(w->stream, w->order, w->tokens, w->active);
        const int *depths = decoder_stream_depths(w->stream);
        /* From the last on, so that one that leaves changes places with one that is done with this step. */
        for (int i = w->active; i-- > 0;) {
            struct sample_slot *s = &w->slot[w->order[i]];
            if (take_token(w, s, logits + (size_t)i * vocab, depths ? depths[i] : loops, &error)) continue;
            if (error.code != LTM_OK) break;
            finish(w, s);
            const int freed = w->order[i];
            w->order[i] = w->order[--w->active];
            w->order[w->active] = freed;
        }
    }
    if (error.code != LTM_OK) stop_for(shared, &error);
}
