#include "fewshot/fewshot_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "ltm/tokenizer.h"

/* A text on its way out of the model. */
struct text {
    char *bytes;
    size_t count, room;
    bool ended; /* by a stop, or the id that ends a document */
};

struct writing {
    const struct fewshot_run *run;
    struct text *texts; /* [samples] */
};

static ltm_status append(struct text *to, const char *bytes, size_t count, struct ltm_error *error) {
    if (!to->bytes || to->count + count + 1 > to->room) {
        const size_t room = 2 * (to->count + count) + 64;
        char *grown = realloc(to->bytes, room);
        if (!grown) return fail_memory(error, room, "a text");
        to->bytes = grown;
        to->room = room;
    }
    if (count) memcpy(to->bytes + to->count, bytes, count);
    to->count += count;
    to->bytes[to->count] = 0;
    return LTM_OK;
}

static ltm_status on_token(void *user, int sample, int32_t token, bool *more, struct ltm_error *error) {
    const struct writing *w = user;
    const struct ltm_tokenizer *tokenizer = w->run->tokenizer;
    struct text *text = &w->texts[sample];
    char *bytes = NULL;
    size_t count;
    *more = token != ltm_tokenizer_end(tokenizer);
    text->ended = !*more;
    if (!*more || token >= ltm_tokenizer_vocab(tokenizer))
        return LTM_OK; /* model.vocab may be rounded up: such ids are no text */
    ltm_status status = ltm_tokenizer_decode(tokenizer, &token, 1, &bytes, &count, error);
    if (status == LTM_OK) status = append(text, bytes, count, error);
    free(bytes);
    if (status != LTM_OK) return status;
    const size_t stop = answer_stop(&w->run->task->rules, text->bytes, text->count);
    *more = stop == text->count;
    text->ended = !*more;
    text->count = stop;
    text->bytes[stop] = 0;
    return LTM_OK;
}

/* A young model spells bytes that are no text; JSON must be: U+FFFD for each, and for a NUL. The caller frees *clean. */
static ltm_status clean_text(char **clean, const struct text *text, struct ltm_error *error) {
    struct text to = {0};
    ltm_status status = append(&to, "", 0, error);
    for (size_t at = 0; status == LTM_OK && at < text->count;) {
        bool open;
        const size_t valid = utf8_valid(text->bytes + at, text->count - at, &open);
        const char *nul = memchr(text->bytes + at, 0, valid);
        const size_t good = nul ? (size_t)(nul - (text->bytes + at)) : valid;
        status = append(&to, text->bytes + at, good, error);
        at += good;
        if (status != LTM_OK || at == text->count) break;
        status = append(&to, "\xEF\xBF\xBD", 3, error);
        at++;
    }
    *clean = to.bytes;
    return status;
}

static ltm_status write_samples(char **texts, int *unfinished, const struct fewshot_run *run,
                                struct fewshot_worker *worker, int64_t number, const char *prompt,
                                struct ltm_error *error) {
    const int samples = run->options.samples;
    struct writing w = {.run = run};
    int32_t *ids = NULL;
    size_t count;
    ltm_status status = LTM_OK;
    TRY(NEW_ARRAY(w.texts, (size_t)samples, "samples", error));
    TRY(ltm_tokenizer_encode(run->tokenizer, prompt, strlen(prompt), &ids, &count, error));
    prompted_begin(&worker->prompted, ids, count, run->room, (uint32_t)number);
    TRY(prompted_write(&worker->prompted, &worker->sampler, samples, run->options.length, on_token, &w, error));
    for (int s = 0; s < samples; s++) {
        *unfinished += !w.texts[s].ended;
        TRY(clean_text(&texts[s], &w.texts[s], error));
    }
cleanup:
    for (int s = 0; w.texts && s < samples; s++) free(w.texts[s].bytes);
    free(w.texts);
    free(ids);
    return status;
}

/* Whether an answer is one of the right ones, and of a task that compares words em and f1, which are added up. */
static ltm_status judge(bool *right, double *em, double *f1, const struct fewshot_run *run,
                        const struct task_item *item, const struct answer_filter *filter, const char *answer,
                        struct ltm_error *error) {
    const struct text_list one = {(char **)&item->answer, 1};
    const struct text_list *golds = item->accepted.count ? &item->accepted : &one;
    double more_em;
    double more_f1;
    *right = false;
    if (run->task->rules.squad) {
        ltm_status status = answer_em_f1(&more_em, &more_f1, golds->all, golds->count, answer, error);
        *em += more_em;
        *f1 += more_f1;
        *right = more_em > 0;
        return status;
    }
    for (int i = 0; i < golds->count && !*right; i++) {
        ltm_status status = answer_is_right(right, &run->task->rules, filter, golds->all[i], answer, error);
        if (status != LTM_OK) return status;
    }
    return LTM_OK;
}

/* exact_match, the share of samples that are right, and pass@k of one filter; right (samples). */
static ltm_status measure(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                          int64_t number, const struct answer_filter *filter, char *const *texts, bool *right,
                          struct ltm_error *error) {
    const struct ltm_fewshot_options *o = &run->options;
    const struct task_item *item = &run->task->items.all[number];
    double em = 0;
    double f1 = 0;
    json_t *taken = json_array();
    ltm_status status = LTM_OK;
    int count = 0;
    for (int s = 0; s < o->samples; s++) {
        char *answer;
        TRY(answer_extract(&answer, filter, texts[s], error));
        json_array_append_new(taken, json_string(answer));
        status = judge(&right[s], &em, &f1, run, item, filter, answer, error);
        free(answer);
        if (status != LTM_OK) goto cleanup;
        count += right[s];
    }
    if (run->task->rules.squad) {
        TRY(outcome_add(outcome, "em", filter->name, em / o->samples, error));
        TRY(outcome_add(outcome, "f1", filter->name, f1 / o->samples, error));
    } else
        TRY(outcome_add(outcome, "exact_match", filter->name, pass_at_k(o->samples, count, 1), error));
    for (int i = 0; i < o->passes; i++) {
        char name[METRIC_NAME];
        snprintf(name, sizeof name, "pass@%d", o->pass[i]);
        TRY(outcome_add(outcome, name, filter->name, pass_at_k(o->samples, count, o->pass[i]), error));
    }
    return record_filter(record, filter->name, taken, error);
cleanup:
    json_decref(taken);
    return status;
}

ltm_status fewshot_write(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                         struct fewshot_worker *worker, int64_t number, const char *prompt, struct ltm_error *error) {
    const struct answer_rules *rules = &run->task->rules;
    const int samples = run->options.samples;
    ltm_status status = LTM_OK;
    char **texts = NULL;
    bool *right = NULL; /* [filters][samples] */
    json_t *responses = json_array();
    TRY(NEW_ARRAY(texts, (size_t)samples, "samples", error));
    TRY(NEW_ARRAY(right, (size_t)samples * (size_t)rules->filter_count, "samples", error));
    TRY(write_samples(texts, &outcome->unfinished, run, worker, number, prompt, error));
    for (int s = 0; s < samples; s++) json_array_append_new(responses, json_string(texts[s]));
    status = record_make(record, run, number, worker->prompted.cut, json_pack("[[s]]", prompt),
                         json_pack("[O]", responses), error);
    for (int f = 0; status == LTM_OK && f < rules->filter_count; f++)
        status = measure(outcome, record, run, number, &rules->filters[f], texts, right + (size_t)f * (size_t)samples,
                         error);
    if (status == LTM_OK) status = measure_family(outcome, record, run, number, texts, right, samples, error);
cleanup:
    for (int s = 0; texts && s < samples; s++) free(texts[s]);
    free(texts);
    free(right);
    json_decref(responses);
    return status;
}
