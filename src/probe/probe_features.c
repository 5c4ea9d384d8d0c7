#include "probe/probe_features.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/progress.h"
#include "config/chunks.h"
#include "latent/workers.h"
#include "ltm/tokenizer.h"
#include "probe/probe_sparsity.h"

ltm_status probe_features_create(struct probe_features *f, const struct ltm_model *model, int64_t documents,
                                 struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const struct ltm_model_config *c = &ltm_model_config(model)->model;
    *f = (struct probe_features){.documents = documents, .latents = c->latents * c->dim, .dim = c->dim};
    f->width = f->latents + (c->latents ? 2 : 1) * c->dim;
    TRY(NEW_ARRAY(f->all, (size_t)documents, "documents", error));
    TRY(NEW_ARRAY(f->rows, (size_t)documents * (size_t)f->width, "features", error));
    return LTM_OK;
cleanup:
    probe_features_free(f);
    return status;
}

void probe_features_free(struct probe_features *f) {
    for (int64_t i = 0; f->all && i < f->documents; i++) free(f->all[i].ids);
    free(f->all);
    free(f->rows);
    *f = (struct probe_features){0};
}

ltm_status probe_features_set(struct probe_features *f, int64_t i, const struct ltm_model *model, const char *text,
                              struct ltm_error *error) {
    const size_t most = (size_t)ltm_model_config(model)->model.sequence;
    const struct ltm_tokenizer *tokenizer = ltm_model_tokenizer(model);
    int32_t *ids = NULL;
    size_t count = 0;
    ltm_status status = ltm_tokenizer_encode(tokenizer, text, strlen(text), &ids, &count, error);
    if (status != LTM_OK) return status;
    if (count == 0) status = fail(error, LTM_INVALID, "an item's document is empty: there is nothing to fit z on");
    if (count > most) {
        f->cut++;
        count = most;
    }
    if (status == LTM_OK) status = NEW_ARRAY(f->all[i].ids, count + 1, "a document", error);
    if (status == LTM_OK) {
        f->all[i].ids[0] = ltm_tokenizer_end(tokenizer);
        memcpy(f->all[i].ids + 1, ids, count * sizeof *ids);
        f->all[i].tokens = (int)count;
    }
    free(ids);
    return status;
}

/* Documents in order of length, so that those of one length go through the decoder together. */
struct place {
    int tokens;
    int64_t document;
};

static int by_length(const void *a, const void *b) {
    const struct place *p = a;
    const struct place *q = b;
    if (p->tokens != q->tokens) return p->tokens < q->tokens ? -1 : 1;
    return p->document < q->document ? -1 : p->document > q->document;
}

struct look {
    struct probe_features *features;
    const struct decoder *decoder;
    const struct ltm_fast_config *fast;
    uint64_t seed;
    const struct place *order;
    int64_t *groups; /* [group_count + 1]: where each begins in `order` */
    int64_t group_count;
};

static ltm_status make_groups(struct look *look, int most, struct ltm_error *error) {
    const int64_t n = look->features->documents;
    PASS_UP(NEW_ARRAY(look->groups, (size_t)n + 1, "groups", error));
    for (int64_t i = 0; i < n; i++) {
        const int64_t begin = look->group_count ? look->groups[look->group_count - 1] : 0;
        if (i == 0 || look->order[i].tokens != look->order[begin].tokens || i - begin == most)
            look->groups[look->group_count++] = i;
    }
    look->groups[look->group_count] = n;
    return LTM_OK;
}

/* A group of documents of T tokens, and where in a row their states are to go. */
struct group {
    const struct look *look;
    struct worker *worker;
    const struct place *places;
    int count, T, at;
};

/* Adds to the mean over tokens the states that the last pass left, of `tokens` of them. */
static void pool(void *user, int from, int tokens) {
    const struct group *group = user;
    const struct probe_features *f = group->look->features;
    const float *states = decoder_output(group->worker->pass);
    for (int g = 0; g < group->count; g++) {
        float *row = f->rows + (size_t)group->places[g].document * (size_t)f->width + group->at;
        for (int j = 0; j < f->dim; j++) {
            double sum = 0;
            for (int t = 0; t < tokens; t++)
                sum += states[((size_t)g * (size_t)tokens + (size_t)t) * (size_t)f->dim + (size_t)j];
            row[j] = (from ? row[j] : 0) + (float)(sum / group->T);
        }
    }
}

/* z of each document, n numbers, into its row. */
static void keep_z(const struct group *group, const float *z, size_t n) {
    const struct probe_features *f = group->look->features;
    for (int g = 0; g < group->count; g++)
        memcpy(f->rows + (size_t)group->places[g].document * (size_t)f->width, z + (size_t)g * n, n * sizeof *z);
}

static void look_at_fitted(struct group *group) {
    const struct look *look = group->look;
    const struct probe_features *f = look->features;
    struct worker *w = group->worker;
    const int count = group->count;
    const int T = group->T;
    const size_t n = (size_t)f->latents;
    decoder_begin(w->pass, w->tokens, w->targets, count, T);
    if (n) {
        const struct noise_source noise = {{.seed = look->seed, .purpose = RANDOM_SCORE_FIT}, w->numbers};
        fast_loop_start(&w->loop, look->fast, count);
        fast_loop_run(&w->loop, w->pass, look->fast, &noise, count, T, NULL);
        keep_z(group, w->loop.mu, n);
        for (int g = 0; g < count; g++) /* the prior that stands in for it says nothing of the text */
            if (w->loop.diverged[g]) f->rows[(size_t)group->places[g].document * (size_t)f->width] = NAN;
    }
    decoder_score(w->pass, w->loop.mu, w->loop.nll);
    pool(group, 0, T);
    for (int g = 0; f->sparsity && g < count; g++)
        probe_sparsity_measure(f->sparsity, w->pass, g, T, w->loop.nll + (size_t)g * (size_t)T,
                               group->places[g].document);
    if (!n) return;
    memset(w->loop.z, 0, (size_t)count * n * sizeof *w->loop.z);
    decoder_score(w->pass, w->loop.z, w->loop.nll);
    group->at += f->dim;
    pool(group, 0, T);
}

static void look_at_streaming(struct group *group) {
    struct worker *w = group->worker;
    struct streaming_reading reading = {.tokens = w->tokens,
                                        .targets = w->targets,
                                        .nll = w->loop.nll,
                                        .goes_on = true,
                                        .on_chunk = pool,
                                        .user = group};
    streaming_read(&w->streaming, w->pass, &reading, group->count, group->T);
    keep_z(group, w->streaming.u, w->streaming.latents);
    reading.z = STREAMING_FROZEN;
    group->at += group->look->features->dim;
    streaming_read(&w->streaming, w->pass, &reading, group->count, group->T);
}

static void look_at_group(const struct look *look, struct worker *w, const struct place *places, int count) {
    const struct probe_features *f = look->features;
    const int T = places[0].tokens;
    struct group group = {look, w, places, count, T, f->latents};
    for (int g = 0; g < count; g++) {
        const struct probe_document *document = &f->all[places[g].document];
        memcpy(w->tokens + (size_t)g * (size_t)T, document->ids, (size_t)T * sizeof *w->tokens);
        memcpy(w->targets + (size_t)g * (size_t)T, document->ids + 1, (size_t)T * sizeof *w->targets);
        w->numbers[g] = (uint32_t)places[g].document;
    }
    if (w->streaming.block)
        look_at_streaming(&group);
    else
        look_at_fitted(&group);
}

static ltm_status look_at_all(const struct look *look, struct workers *workers, const struct ltm_watch *watch,
                              struct ltm_error *error) {
    const struct probe_features *f = look->features;
    int64_t done = 0;
#pragma omp parallel for schedule(dynamic, 1) num_threads(workers->threads)
    for (int64_t i = 0; i < look->group_count; i++) {
        const int64_t begin = look->groups[i];
        const int count = (int)(look->groups[i + 1] - begin);
        look_at_group(look, &workers->each[omp_get_thread_num()], look->order + begin, count);
#pragma omp critical(probe_progress)
        watch_progress(watch, "fitting", (double)(done += count), (double)f->documents);
    }
    PASS_UP(workers_status(workers, error));
    for (size_t k = 0; k < (size_t)f->documents * (size_t)f->width; k++)
        if (!isfinite(f->rows[k])) {
            char what[80];
            snprintf(what, sizeof what, "a feature of document %lld is not finite", (long long)(k / (size_t)f->width));
            return decoder_fail_nonfinite(decoder_pass_decoder(workers->each[0].pass), what,
                                          "lower fast.lr or use a checkpoint from before the training diverged", error);
        }
    return LTM_OK;
}

ltm_status probe_features_compute(struct probe_features *f, const struct decoder *decoder,
                                  const struct ltm_fast_config *fast, uint64_t seed, int threads,
                                  const struct ltm_watch *watch, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const int T = decoder->plan.config.sequence;
    struct place *order = NULL;
    struct workers workers = {0};
    struct look look = {.features = f, .decoder = decoder, .fast = fast, .seed = seed};
    TRY(NEW_ARRAY(order, (size_t)f->documents, "documents", error));
    for (int64_t i = 0; i < f->documents; i++) order[i] = (struct place){f->all[i].tokens, i};
    qsort(order, (size_t)f->documents, sizeof *order, by_length);
    look.order = order;
    if (model_streams(&decoder->plan.config) && order[f->documents - 1].tokens < model_chunk(&decoder->plan.config))
        watch_message(watch, "every document is shorter than latent.chunk = %d, so u stays 0 and tells nothing of them",
                      model_chunk(&decoder->plan.config));
    TRY(make_groups(&look, workers_group(T), error));
    threads = workers_needed(threads, look.group_count);
    TRY(workers_create(&workers, decoder, fast, threads, workers_group(T), T, false, error));
    TRY(look_at_all(&look, &workers, watch, error));
cleanup:
    workers_free(&workers);
    free(order);
    free(look.groups);
    return status;
}
