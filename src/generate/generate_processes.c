/* ltm_generate over several processes: each writes a run of the samples, process 0 delivers all in order. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/processes.h"
#include "base/progress.h"
#include "generate/generate.h"

/* The samples of a process other than the first, until the first asks for them. */
struct shelf {
    struct ltm_sample *samples; /* each with a text of its own */
    int64_t count;
    bool full; /* of memory there is no more */
};

static bool put(void *user, const struct ltm_sample *sample) {
    struct shelf *shelf = user;
    char *text = malloc(sample->bytes + 1);
    if (!text) {
        shelf->full = true;
        return false;
    }
    memcpy(text, sample->text, sample->bytes + 1);
    shelf->samples[shelf->count] = *sample;
    shelf->samples[shelf->count++].text = text;
    return true;
}

/* Process r's samples to process 0; a negative number ends them. */
static ltm_status send(const struct shelf *shelf, struct ltm_error *error) {
    const struct ltm_sample end = {.number = -1};
    for (int64_t i = 0; i < shelf->count; i++) {
        PASS_UP(processes_send(0, &shelf->samples[i], sizeof *shelf->samples, error));
        PASS_UP(processes_send(0, shelf->samples[i].text, shelf->samples[i].bytes + 1, error));
    }
    return processes_send(0, &end, sizeof end, error);
}

/* All of another process's samples to the hook, while *more says that it wants them. */
static ltm_status deliver(int from, const struct ltm_generate_hooks *hooks, bool *more, int64_t *done, int64_t count,
                          struct ltm_error *error) {
    for (;;) {
        struct ltm_sample sample;
        char *text = NULL;
        ltm_status status = processes_receive(from, &sample, sizeof sample, error);
        if (status != LTM_OK || sample.number < 0) return status;
        status = NEW_ARRAY(text, sample.bytes + 1, "a sample", error);
        if (status != LTM_OK) {
            processes_give_up();
            return status;
        }
        status = processes_receive(from, text, sample.bytes + 1, error);
        sample.text = text;
        if (status == LTM_OK && *more && hooks->on_sample) *more = hooks->on_sample(hooks->user, &sample);
        if (status == LTM_OK && *more) watch_progress(hooks->watch, "generating", (double)++*done, (double)count);
        free(text);
        if (status != LTM_OK) return status;
    }
}

/* The first process's own samples come first; the hook may have had enough of them. */
struct counted {
    const struct ltm_generate_hooks *hooks;
    int64_t done, count;
    bool more;
};

static bool count_sample(void *user, const struct ltm_sample *sample) {
    struct counted *c = user;
    c->more = !c->hooks->on_sample || c->hooks->on_sample(c->hooks->user, sample);
    if (c->more) watch_progress(c->hooks->watch, "generating", (double)++c->done, (double)c->count);
    return c->more;
}

static ltm_status lead(const struct ltm_model *model, const struct ltm_generate_options *own, int64_t count,
                       const struct ltm_generate_hooks *hooks, struct ltm_error *error) {
    struct counted counted = {.hooks = hooks, .count = count, .more = true};
    struct ltm_watch messages = hooks->watch ? *hooks->watch : (struct ltm_watch){0};
    messages.progress = NULL; /* count_sample tells it */
    const struct ltm_generate_hooks mine = {
        .user = &counted, .on_sample = count_sample, .watch = &messages, .stop = hooks->stop};
    ltm_status status = generate_samples(model, own, &mine, error);
    bool more = counted.more && status == LTM_OK;
    for (int r = 1; r < processes_count() && !processes_broken(); r++) {
        struct ltm_error other;
        const ltm_status received = deliver(r, hooks, &more, &counted.done, count, &other);
        if (status != LTM_OK || received == LTM_OK) continue;
        status = received;
        if (error) *error = other;
    }
    return status;
}

static ltm_status follow(const struct ltm_model *model, const struct ltm_generate_options *own,
                         const struct ltm_generate_hooks *hooks, struct ltm_error *error) {
    struct shelf shelf = {0};
    struct ltm_error other;
    const struct ltm_generate_hooks mine = {.user = &shelf, .on_sample = put, .stop = hooks->stop};
    ltm_status status = NEW_ARRAY(shelf.samples, (size_t)(own->last - own->first), "samples", error);
    if (status == LTM_OK) status = generate_samples(model, own, &mine, error);
    if (shelf.full) status = fail_memory(error, 0, "samples");
    const ltm_status sent = send(&shelf, &other);
    if (status == LTM_OK && sent != LTM_OK) {
        status = sent;
        if (error) *error = other;
    }
    for (int64_t i = 0; i < shelf.count; i++) free((char *)shelf.samples[i].text);
    free(shelf.samples);
    return status;
}

ltm_status ltm_generate(const struct ltm_model *model, const struct ltm_generate_options *options,
                        const struct ltm_generate_hooks *hooks, struct ltm_error *error) {
    const int n = processes_count();
    const int rank = processes_rank();
    const int64_t all = options->count * generate_prompt_count(options);
    const int64_t last = options->last ? options->last : all;
    const int64_t count = last - options->first;
    struct ltm_generate_options own = *options;
    if (n == 1 || count < n) { /* too few to divide */
        const ltm_status status = rank == 0 ? generate_samples(model, options, hooks, error) : LTM_OK;
        return processes_agree(status, error);
    }
    own.first = options->first + count * rank / n;
    own.last = options->first + count * (rank + 1) / n;
    return processes_agree(rank == 0 ? lead(model, &own, count, hooks, error) : follow(model, &own, hooks, error),
                           error);
}
