#include "ltm/fewshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/processes.h"
#include "base/progress.h"
#include "fewshot/completions.h"
#include "fewshot/fewshot_item.h"
#include "fewshot/fewshot_journal.h"
#include "fewshot/fewshot_lines.h"
#include "fewshot/fewshot_processes.h"
#include "fewshot/fewshot_settings.h"
#include "fewshot/sample_pairs.h"
#include "ltm/names.h"
#include "math/matmul.h"
#include "tasks/random_draws.h"
#include "train/trained_model.h"

struct fewshot {
    struct fewshot_run run;
    struct task *task;
    struct decoder *decoder;
    struct stream_weights *weights;
    struct fewshot_worker *workers; /* [threads] */
    int threads;
    int64_t items;                 /* taken */
    struct item_outcome *outcomes; /* [all items], since a journal may contain more than are taken now */
    struct journal journal;        /* of process 0; closed without an output */
    char **lines;                  /* [items] of other processes, until process 0 has them */
    char name[TASK_NAME + 32];     /* TASK_Nshot */
    int64_t done, resumed;
    ltm_status failed;   /* the failed item with the lowest number … */
    int64_t failed_item; /* … and which; INT64_MAX = none */
    const struct ltm_watch *watch;
    struct ltm_error *error;
};

struct ltm_fewshot_options ltm_fewshot_defaults(void) {
    return (struct ltm_fewshot_options){
        .draws = 4, .samples = 1, .temperature = LTM_AUTO, .top_p = 1, .seed = 1, .precision = LTM_PRECISION_AUTO};
}

static ltm_status open_workers(struct fewshot *f, struct ltm_error *error) {
    const struct ltm_fewshot_options *o = &f->run.options;
    ltm_status status = LTM_OK;
    f->threads = (int64_t)o->threads < f->items ? o->threads : (int)f->items;
    TRY(stream_weights_create(&f->weights, f->decoder, f->decoder->in_bf16, f->threads, error));
    TRY(NEW_ARRAY(f->workers, (size_t)f->threads, "threads", error));
    for (int i = 0; i < f->threads; i++) {
        TRY(prompted_create(&f->workers[i].prompted, f->weights, &f->run.prompted, error));
        TRY(sampler_create(&f->workers[i].sampler, f->decoder->plan.config.vocab, o->temperature, o->top_k, o->top_p,
                           error));
    }
cleanup:
    return status;
}

/* Items that cannot be scored are found before the first is scored, not hours later. */
static ltm_status check_lengths(const struct fewshot_run *run, int64_t items, struct ltm_error *error) {
    int64_t first = -1;
    int64_t count = 0;
    for (int64_t i = 0; i < items && !run->options.skip_long; i++)
        if (fewshot_item_is_long(run, i)) first = count++ ? first : i;
    if (count == 0) return LTM_OK;
    return fail(error, LTM_INVALID,
                "item %lld of task %s%s an answer longer than model.sequence = %d tokens; leave such items out with "
                "--skip-long",
                (long long)first, run->task->name, count > 1 ? " and others have" : " has", run->sequence);
}

static ltm_status set_up(struct fewshot *f, const struct ltm_model *model, const char *path,
                         const struct ltm_fewshot_options *options, json_t **settings, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    TRY(matmul_start(error));
    TRY(task_load_from(&f->task, path, options->data, error));
    TRY(fewshot_settle(&f->run, model, f->task, options, error));
    TRY(trained_model_decoder(&f->decoder, model, f->run.options.precision, options->loops, f->run.options.threads,
                              error));
    TRY(decoder_leave_early(f->decoder, options->exit, error));
    if (options->frozen) f->decoder->plan.config.stream_rate = 0; /* streaming latents stay at their start */
    TRY(fewshot_settings(settings, &f->run, model, f->decoder, error));
    const int64_t all = f->task->items.count;
    const int64_t limit = f->run.options.limit;
    f->items = limit > 0 && limit < all ? limit : all;
    TRY(check_lengths(&f->run, f->items, error));
    snprintf(f->name, sizeof f->name, "%s_%dshot", f->task->name, f->run.options.shots);
    TRY(NEW_ARRAY(f->outcomes, (size_t)all, "items", error));
    TRY(NEW_ARRAY(f->lines, (size_t)f->items, "items", error));
    if (options->output && processes_rank() == 0)
        TRY(journal_open(&f->journal, options->output, f->name, *settings, f->outcomes, all, error));
cleanup:
    return status;
}

/* The items already in the journal of process 0. */
static ltm_status share_done(struct fewshot *f, struct ltm_error *error) {
    char *done = NULL;
    ltm_status status = processes_agree(NEW_ARRAY(done, (size_t)f->items, "items", error), error);
    for (int64_t i = 0; i < f->items && status == LTM_OK; i++) done[i] = f->outcomes[i].done;
    if (status == LTM_OK) status = processes_broadcast(done, (size_t)f->items, error);
    for (int64_t i = 0; i < f->items && status == LTM_OK; i++) f->resumed += f->outcomes[i].done = done[i];
    f->done = f->resumed;
    free(done);
    return status;
}

static void tell(const struct fewshot *f) {
    char what[sizeof f->name];
    snprintf(what, sizeof what, "%s, %d shot%s", f->task->name, f->run.options.shots, ltm_plural(f->run.options.shots));
    watch_progress(f->watch, what, (double)f->done, (double)f->items);
}

/* One thread's result for one item, in order of completion. */
static void take_item(struct fewshot *f, int64_t item, const struct item_outcome *outcome, const char *lines,
                      ltm_status status, struct ltm_error *inner) {
    if (status == LTM_OK && f->journal.descriptor >= 0 && f->failed == LTM_OK)
        status = journal_append(&f->journal, item, lines, inner);
    f->outcomes[item] = *outcome;
    f->outcomes[item].done = true;
    f->done++;
    tell(f);
    if (status == LTM_OK || item > f->failed_item) return;
    f->failed = fail(f->error, status, "item %lld of task %s: %s", (long long)item, f->task->name, inner->message);
#pragma omp atomic write /* other threads look at it between their items */
    f->failed_item = item;
}

static void do_item(struct fewshot *f, struct fewshot_worker *worker, int64_t item) {
    struct item_outcome outcome;
    struct item_record record;
    struct ltm_error inner = {0};
    char *lines = NULL;
    ltm_status status = fewshot_item(&outcome, &record, &f->run, worker, item, &inner);
    if (status == LTM_OK && (f->journal.descriptor >= 0 || processes_rank() > 0))
        status = lines_write(&lines, &outcome, &record, &inner);
#pragma omp critical(fewshot_items)
    take_item(f, item, &outcome, lines, status, &inner);
    record_free(&record);
    if (processes_rank() > 0)
        f->lines[item] = lines;
    else
        free(lines);
}

/* An item done by another process, read from its lines as in a resume. */
static ltm_status take_lines(void *user, int64_t item, const char *lines, struct ltm_error *error) {
    struct fewshot *f = user;
    struct item_outcome outcome;
    int filters;
    ltm_status status = LTM_OK;
    for (const char *line = lines, *end; status == LTM_OK && (end = strchr(line, '\n')); line = end + 1)
        status = line_read(f->outcomes, f->items, line, (size_t)(end - line), &item, &filters, error);
    if (status != LTM_OK) return status;
    outcome = f->outcomes[item];
    take_item(f, item, &outcome, lines, LTM_OK, error);
    return f->failed;
}

static void do_range(struct fewshot *f, int64_t begin, int64_t end) {
#pragma omp parallel for num_threads(f->threads) schedule(dynamic, 1)
    for (int64_t i = begin; i < end; i++) {
        int64_t failed_item; /* those before it continue: any number of threads reports the same one */
#pragma omp atomic read
        failed_item = f->failed_item;
        if (!f->outcomes[i].done && item_is_mine(i) && i < failed_item)
            do_item(f, &f->workers[omp_get_thread_num()], i);
    }
}

/* With other processes in rounds, after each of which process 0 has all items so far. */
static ltm_status do_items(struct fewshot *f, struct ltm_error *error) {
    const int n = processes_count();
    const int64_t round = n > 1 ? (int64_t)ITEMS_A_ROUND * n : f->items;
    if (f->resumed == f->items) return LTM_OK;
    for (int64_t begin = 0; begin < f->items; begin += round) {
        const int64_t end = begin + round < f->items ? begin + round : f->items;
        do_range(f, begin, end);
        ltm_status status = f->failed;
        ltm_status exchanged = LTM_OK;
        struct ltm_error other;
        if (n > 1) exchanged = items_exchange(f->lines, begin, end, take_lines, f, &other);
        if (status == LTM_OK && exchanged != LTM_OK) {
            status = exchanged;
            if (error) *error = other;
        }
        status = processes_agree(status, error);
        if (status != LTM_OK) return status;
    }
    return LTM_OK;
}

struct asked {
    uint64_t hash;
    int64_t item;
};

static int by_hash(const void *a, const void *b) {
    const struct asked *x = a;
    const struct asked *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static uint64_t hash_item(const struct task_item *item) {
    uint64_t hash = hash_bytes(item->context, strlen(item->context), 0);
    for (int i = 0; i < item->count; i++) {
        hash = hash_bytes(item->choices[i], strlen(item->choices[i]), hash);
        if (item->contexts) hash = hash_bytes(item->contexts[i], strlen(item->contexts[i]), hash);
    }
    return item->choices ? hash : hash_bytes(item->answer, strlen(item->answer), hash);
}

/* Items that ask the same as an earlier one; returns how many, -1 if memory is short. */
static int64_t find_repeats(struct fewshot *f) {
    struct asked *asked = malloc(((size_t)f->items + 1) * sizeof *asked);
    int64_t repeats = 0;
    if (!asked) return -1;
    for (int64_t i = 0; i < f->items; i++) asked[i] = (struct asked){hash_item(&f->task->items.all[i]), i};
    qsort(asked, (size_t)f->items, sizeof *asked, by_hash);
    for (int64_t i = 1, first = 0; i < f->items; i++) {
        if (asked[i].hash != asked[first].hash) first = i;
        if (first == i) continue;
        f->outcomes[asked[i].item].same = asked[first].item + 1;
        repeats++;
    }
    free(asked);
    return repeats;
}

static ltm_status finish_first(struct fewshot *f, const json_t *settings, struct ltm_fewshot_result *result,
                               struct ltm_error *error) {
    const char *output = f->run.options.output;
    char *json = NULL;
    char path[LTM_PATH_MAX];
    char file[sizeof f->name + 32];
    ltm_status status = LTM_OK;
    *result = (struct ltm_fewshot_result){
        .shots = f->run.options.shots, .items = f->items, .items_in_all = f->task->items.count, .resumed = f->resumed};
    snprintf(result->task, sizeof result->task, "%s", f->task->name);
    snprintf(result->group, sizeof result->group, "%s", f->task->group);
    result->average_tasks = f->task->average_tasks;
    for (int64_t i = 0; i < f->items; i++) {
        result->cut += f->outcomes[i].cut;
        result->diverged += f->outcomes[i].diverged;
        result->skipped += f->outcomes[i].skipped;
        result->unfinished += f->outcomes[i].unfinished;
    }
    if ((result->repeated = find_repeats(f)) < 0) {
        status = fail_memory(error, (size_t)f->items * sizeof(struct asked), "items");
        goto cleanup;
    }
    TRY(outcomes_average(&result->metrics, &result->count, f->outcomes, f->items, error));
    if (!(result->settings = json_text(settings, 0))) {
        status = fail_memory(error, 0, "settings");
        goto cleanup;
    }
    if (output) {
        TRY(journal_finish(&f->journal, error));
        if (f->task->kind == TASK_GENERATE && json_object_get(f->task->items.all[0].json, "task_id")) {
            snprintf(file, sizeof file, "completions_%s.jsonl", f->name);
            TRY(path_join(path, sizeof path, output, file, error));
            TRY(completions_write(path, f->journal.path, error));
        }
        if (f->run.options.pairs) {
            snprintf(file, sizeof file, "pairs_%s.jsonl", f->name);
            TRY(path_join(path, sizeof path, output, file, error));
            TRY(sample_pairs_write(path, f->journal.path, f->task, error));
        }
        snprintf(file, sizeof file, "results_%s.json", f->name);
        TRY(path_join(path, sizeof path, output, file, error));
        TRY(ltm_fewshot_json(result, 1, &json, error));
        TRY(file_write_text(path, json, error));
    }
cleanup:
    free(json);
    if (status != LTM_OK) ltm_fewshot_result_free(result);
    return status;
}

/* Process 0's figures for everybody. */
static ltm_status finish(struct fewshot *f, const json_t *settings, struct ltm_fewshot_result *result,
                         struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const bool first = processes_rank() == 0;
    if (first) status = finish_first(f, settings, result, error);
    const ltm_status all = processes_agree(status, error);
    if (status == LTM_OK) status = all;
    if (status != LTM_OK || processes_count() == 1) return status;
    struct ltm_fewshot_metric *metrics = result->metrics;
    TRY(processes_broadcast(result, sizeof *result, error));
    result->metrics = metrics;
    if (!first) {
        result->settings = json_text(settings, 0);
        status = result->settings ? NEW_ARRAY(result->metrics, (size_t)result->count, "metrics", error)
                                  : fail_memory(error, 0, "settings");
    }
    TRY(processes_agree(status, error));
    TRY(processes_broadcast(result->metrics, (size_t)result->count * sizeof *result->metrics, error));
cleanup:
    return status;
}

static void tear_down(struct fewshot *f) {
    journal_close(&f->journal);
    for (int i = 0; f->workers && i < f->threads; i++) {
        prompted_free(&f->workers[i].prompted);
        sampler_free(&f->workers[i].sampler);
    }
    free(f->workers);
    for (int64_t i = 0; f->outcomes && i < f->task->items.count; i++) outcome_free(&f->outcomes[i]);
    free(f->outcomes);
    for (int64_t i = 0; f->lines && i < f->items; i++) free(f->lines[i]);
    free(f->lines);
    stream_weights_free(f->weights);
    decoder_free(f->decoder);
    task_free(f->task);
}

ltm_status ltm_fewshot(const struct ltm_model *model, const char *task, const struct ltm_fewshot_options *options,
                       const struct ltm_watch *watch, struct ltm_fewshot_result *result, struct ltm_error *error) {
    struct fewshot f = {.watch = watch, .error = error, .journal = {.descriptor = -1}, .failed_item = INT64_MAX};
    json_t *settings = NULL;
    ltm_status status = LTM_OK;
    *result = (struct ltm_fewshot_result){0};
    TRY(processes_agree(set_up(&f, model, task, options, &settings, error), error));
    TRY(share_done(&f, error));
    if (f.resumed < f.items) status = open_workers(&f, error);
    TRY(processes_agree(status, error));
    TRY(do_items(&f, error));
    TRY(finish(&f, settings, result, error));
cleanup:
    json_decref(settings);
    tear_down(&f);
    return status;
}

void ltm_fewshot_result_free(struct ltm_fewshot_result *result) {
    free(result->metrics);
    free(result->settings);
    *result = (struct ltm_fewshot_result){0};
}

ltm_status ltm_fewshot_check(const struct ltm_model *model, const char *task, const struct ltm_fewshot_options *options,
                             char name[64], struct ltm_error *error) {
    struct task *loaded = NULL;
    struct fewshot_run run;
    ltm_status status = task_load_from(&loaded, task, options->data, error);
    if (status == LTM_OK) status = fewshot_settle(&run, model, loaded, options, error);
    const int64_t items = status == LTM_OK ? loaded->items.count : 0;
    if (status == LTM_OK)
        status = check_lengths(&run, options->limit > 0 && options->limit < items ? options->limit : items, error);
    if (status == LTM_OK) strcpy(name, loaded->name);
    task_free(loaded);
    return status;
}

ltm_status ltm_fewshot_expand(char ***tasks, int *count, const char *path, const char *data, struct ltm_error *error) {
    struct text_list list;
    ltm_status status = task_expand(&list, path, data, error);
    *tasks = list.all;
    *count = list.count;
    return status;
}
