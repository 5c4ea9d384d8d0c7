/* Items answered by writing: text up to where it stops, what each filter takes from it, and how often that is right. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "eval/fewshot_item.h"
#include "ltm/tokenizer.h"
#include "text/utf8.h"

/* A text on its way out of the model. */
struct writing {
    const struct fewshot_run *run;
    char *text;
    size_t bytes, room;
};

static ltm_status append(struct writing *w, const char *text, size_t bytes, struct ltm_error *error) {
    if (w->bytes + bytes + 1 > w->room) {
        const size_t room = 2 * (w->bytes + bytes) + 64;
        char *grown = realloc(w->text, room);
        if (!grown) return fail_memory(error, room, "a text");
        w->text = grown;
        w->room = room;
    }
    if (bytes) memcpy(w->text + w->bytes, text, bytes);
    w->bytes += bytes;
    w->text[w->bytes] = 0;
    return LTM_OK;
}

static ltm_status on_token(void *user, int32_t token, bool *more, struct ltm_error *error) {
    struct writing *w = user;
    const struct ltm_tokenizer *tokenizer = w->run->tokenizer;
    char *text = NULL;
    size_t bytes;
    *more = token != ltm_tokenizer_end(tokenizer);
    if (!*more || token >= ltm_tokenizer_vocab(tokenizer))
        return LTM_OK; /* model.vocab may be rounded up: such ids are no text */
    ltm_status status = ltm_tokenizer_decode(tokenizer, &token, 1, &text, &bytes, error);
    if (status == LTM_OK) status = append(w, text, bytes, error);
    free(text);
    if (status != LTM_OK) return status;
    const size_t stop = answer_stop(&w->run->task->rules, w->text, w->bytes);
    *more = stop == w->bytes;
    w->bytes = stop;
    w->text[stop] = 0;
    return LTM_OK;
}

/* A young model spells bytes that are no text; JSON must be: U+FFFD for each, and for a NUL. The caller frees *clean. */
static ltm_status clean_text(char **clean, const struct writing *w, struct ltm_error *error) {
    struct writing to = {0};
    ltm_status status = append(&to, "", 0, error);
    for (size_t at = 0; status == LTM_OK && at < w->bytes;) {
        bool open;
        const size_t valid = utf8_valid(w->text + at, w->bytes - at, &open);
        const char *nul = memchr(w->text + at, 0, valid);
        const size_t good = nul ? (size_t)(nul - (w->text + at)) : valid;
        status = append(&to, w->text + at, good, error);
        at += good;
        if (status != LTM_OK || at == w->bytes) break;
        status = append(&to, "\xEF\xBF\xBD", 3, error);
        at++;
    }
    *clean = to.text;
    return status;
}

static ltm_status write_samples(char **texts, const struct fewshot_run *run, struct fewshot_worker *worker,
                                int64_t number, const char *prompt, struct ltm_error *error) {
    struct writing w = {.run = run};
    int32_t *ids = NULL;
    size_t count;
    ltm_status status = LTM_OK;
    TRY(ltm_tokenizer_encode(run->tokenizer, prompt, strlen(prompt), &ids, &count, error));
    prompted_begin(&worker->prompted, ids, count, run->room, (uint32_t)number);
    for (int s = 0; s < run->options.samples; s++) {
        w.bytes = 0;
        TRY(append(&w, "", 0, error));
        TRY(prompted_write(&worker->prompted, &worker->sampler, s, run->options.length, on_token, &w, error));
        TRY(clean_text(&texts[s], &w, error));
    }
cleanup:
    free(w.text);
    free(ids);
    return status;
}

/* exact_match and pass@k of one filter. */
static ltm_status measure(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                          int64_t number, const struct answer_filter *filter, char *const *texts,
                          struct ltm_error *error) {
    const struct ltm_fewshot_options *o = &run->options;
    const char *gold = run->task->items.all[number].answer;
    json_t *taken = json_array();
    ltm_status status = LTM_OK;
    int right = 0;
    for (int s = 0; s < o->samples; s++) {
        char *answer;
        bool is_right = false;
        TRY(answer_extract(&answer, filter, texts[s], error));
        json_array_append_new(taken, json_string(answer));
        status = answer_is_right(&is_right, &run->task->rules, filter, gold, answer, error);
        free(answer);
        if (status != LTM_OK) goto cleanup;
        right += is_right;
        if (s == 0) TRY(outcome_add(outcome, "exact_match", filter->name, is_right, error));
    }
    for (int i = 0; i < o->passes; i++) {
        char name[METRIC_NAME];
        snprintf(name, sizeof name, "pass@%d", o->pass[i]);
        TRY(outcome_add(outcome, name, filter->name, pass_at_k(o->samples, right, o->pass[i]), error));
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
    json_t *responses = json_array();
    TRY(NEW_ARRAY(texts, (size_t)samples, "samples", error));
    TRY(write_samples(texts, run, worker, number, prompt, error));
    for (int s = 0; s < samples; s++) json_array_append_new(responses, json_string(texts[s]));
    status = record_make(record, run, number, worker->prompted.cut, json_pack("[[s]]", prompt),
                         json_pack("[O]", responses), error);
    for (int f = 0; status == LTM_OK && f < rules->filter_count; f++)
        status = measure(outcome, record, run, number, &rules->filters[f], texts, error);
    if (status == LTM_OK) status = measure_family(outcome, record, run, number, texts, samples, error);
cleanup:
    for (int s = 0; texts && s < samples; s++) free(texts[s]);
    free(texts);
    json_decref(responses);
    return status;
}
