#include "fewshot/fewshot_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "generate/sample_text.h"
#include "ltm/tokenizer.h"

struct writing {
    const struct fewshot_run *run;
    struct sample_text *texts; /* [samples] */
};

static ltm_status on_token(void *user, int sample, int32_t token, bool *more, struct ltm_error *error) {
    const struct writing *w = user;
    struct sample_text *text = &w->texts[sample];
    ltm_status status = sample_text_append(text, w->run->tokenizer, token, false, error);
    if (status == LTM_OK && !text->ended)
        sample_text_cut(text, answer_stop(&w->run->task->rules, text->text, text->bytes));
    *more = !text->ended;
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
    TRY(prompted_begin(&worker->prompted, ids, count, run->room, (uint32_t)number, error));
    TRY(prompted_write(&worker->prompted, &worker->sampler, samples, run->options.length, on_token, &w, error));
    for (int s = 0; s < samples; s++) {
        *unfinished += !w.texts[s].ended;
        TRY(sample_text_clean(&texts[s], &w.texts[s], error));
    }
cleanup:
    for (int s = 0; w.texts && s < samples; s++) free(w.texts[s].text);
    free(w.texts);
    free(ids);
    return status;
}

/* Whether an answer is one of the right ones; for a task that compares words, also em and f1, which are added up. */
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

/* exact_match (the share of right samples) and pass@k of one filter; right (samples). */
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
    status = record_make(record, run, number, worker->prompted.cut,
                         json_pack("[[s, {s:[s], s:i, s:f}]]", prompt, "until",
                                   *run->task->stop ? run->task->stop : run->task->separator, "max_gen_toks",
                                   run->options.length, "temperature", run->options.temperature),
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
