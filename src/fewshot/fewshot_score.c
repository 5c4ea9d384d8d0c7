#include "fewshot/fewshot_score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "ltm/tokenizer.h"
#include "tasks/prompt.h"
#include "text/encode_behind.h"

/* The continuations of a prompt: each choice, or the one answer, after the delimiter, which also follows an empty
 * prompt. */
struct answers {
    const char *const *texts;
    int count, gold;
    const char *delimiter;
};

static struct answers answers_of(const struct task *task, const struct task_item *item) {
    struct answers answers = {(const char *const *)item->choices, item->count, item->gold, task->delimiter};
    if (!item->choices) {
        answers.texts = (const char *const *)&item->answer;
        answers.count = 1;
    }
    return answers;
}

/* The tokens of a prompt (*ids, which the caller frees) and of texts after it. */
static ltm_status encode_all(struct continuation *continuations, int32_t **ids, size_t *count,
                             const struct ltm_tokenizer *tokenizer, const char *prompt, const char *const *texts, int n,
                             struct ltm_error *error) {
    const size_t bytes = prompt_bytes(prompt);
    ltm_status status = ltm_tokenizer_encode(tokenizer, prompt, bytes, ids, count, error);
    for (int i = 0; i < n && status == LTM_OK; i++) {
        char *text = NULL;
        if (asprintf(&text, "%s%s", prompt + bytes, texts[i]) < 0)
            return fail_memory(error, strlen(texts[i]), "a choice");
        status = encode_behind(&continuations[i].ids, &continuations[i].count, tokenizer, prompt, bytes, *ids, *count,
                               text, error);
        free(text);
    }
    return status;
}

ltm_status score_tokens(size_t *tokens, const struct ltm_tokenizer *tokenizer, const char *prompt, const char *text,
                        struct ltm_error *error) {
    struct continuation continuation = {0};
    int32_t *ids = NULL;
    size_t count;
    ltm_status status = encode_all(&continuation, &ids, &count, tokenizer, prompt, &text, 1, error);
    *tokens = continuation.count;
    free(continuation.ids);
    free(ids);
    return status;
}

ltm_status score_behind(double *logs, bool *greedy, struct prompted *p, const struct ltm_tokenizer *tokenizer,
                        uint32_t number, bool fitted, const char *prompt, const char *const *texts, int n, int gold,
                        struct ltm_error *error) {
    const size_t sequence = (size_t)prompted_longest(&p->decoder->plan.config);
    struct continuation *continuations = NULL;
    int32_t *ids = NULL;
    size_t count = 0;
    ltm_status status = LTM_OK;
    TRY(NEW_ARRAY(continuations, (size_t)n, "choices", error));
    TRY(encode_all(continuations, &ids, &count, tokenizer, prompt, texts, n, error));
    for (int i = 0; i < n && status == LTM_OK; i++)
        if (continuations[i].count > sequence)
            status = fail(error, LTM_INVALID, "an answer of %zu tokens is longer than model.sequence = %zu",
                          continuations[i].count, sequence);
    if (status != LTM_OK) goto cleanup;
    if (!fitted) TRY(prompted_begin(p, ids, count, 1, number, error));
    TRY(prompted_score(p, continuations, n, gold, logs, greedy, error));
    for (int i = 0; i < n && status == LTM_OK; i++)
        if (!isfinite(logs[i])) status = prompted_fail_nonfinite(p, error);
cleanup:
    for (int i = 0; continuations && i < n; i++) free(continuations[i].ids);
    free(continuations);
    free(ids);
    return status;
}

/* acc, and acc by the size of each choice without its delimiter. */
static ltm_status add_accuracies(struct item_outcome *outcome, const struct answers *answers, const double *logs,
                                 double *scaled, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    TRY(outcome_add(outcome, "acc", "none", largest(logs, answers->count) == answers->gold, error));
    for (int i = 0; i < answers->count; i++) scaled[i] = logs[i] / (double)utf8_count(answers->texts[i]);
    TRY(outcome_add(outcome, "acc_norm", "none", largest(scaled, answers->count) == answers->gold, error));
    for (int i = 0; i < answers->count; i++) scaled[i] = logs[i] / (double)strlen(answers->texts[i]);
    TRY(outcome_add(outcome, "acc_bytes", "none", largest(scaled, answers->count) == answers->gold, error));
cleanup:
    return status;
}

static ltm_status add_metrics(struct item_outcome *outcome, enum task_kind kind, const struct answers *answers,
                              const double *logs, bool greedy, double *scaled, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    if (kind == TASK_LASTWORD) {
        TRY(outcome_add(outcome, "acc", "none", greedy, error));
        return outcome_add(outcome, "perplexity", "none", logs[0], error);
    }
    TRY(add_accuracies(outcome, answers, logs, scaled, error));
    if (kind == TASK_CHOICES) TRY(outcome_add(outcome, "exact_match", "none", greedy, error));
cleanup:
    return status;
}

static ltm_status keep(struct item_record *record, const struct fewshot_run *run, struct fewshot_worker *worker,
                       int64_t number, const char *prompt, const struct answers *answers, const double *logs,
                       const bool *greedy, struct ltm_error *error) {
    const bool contexts = run->task->items.all[number].contexts != NULL;
    json_t *arguments = json_array();
    json_t *responses = json_array();
    json_t *taken = json_array();
    for (int i = 0; i < answers->count; i++) {
        /* Greedy decoding of wrong choices is not checked. */
        json_t *is_greedy = greedy && i == answers->gold ? json_boolean(*greedy) : json_null();
        json_t *one = json_pack("[f, o]", logs[i], is_greedy);
        json_array_append(taken, one);
        json_array_append_new(responses, json_pack("[o]", one));
        char *own = NULL;
        if (contexts && prompt_make(&own, run->task, number, i, run->options.shots, run->options.seed, NULL) != LTM_OK)
            own = NULL;
        json_array_append_new(arguments,
                              json_pack("[s, s+]", own ? own : prompt, answers->delimiter, answers->texts[i]));
        free(own);
    }
    if (json_array_size(responses) != (size_t)answers->count || json_array_size(arguments) != (size_t)answers->count) {
        json_decref(arguments), json_decref(responses), json_decref(taken);
        return json_fail_memory("an item's record", error);
    }
    ltm_status status = record_make(record, run, number, worker->prompted.cut, arguments, responses, error);
    if (status == LTM_OK) return record_filter(record, "none", taken, error);
    json_decref(taken);
    return status;
}

/* Each choice after its own prompt. */
static ltm_status score_contexts(double *logs, bool *greedy, const struct fewshot_run *run,
                                 struct fewshot_worker *worker, int64_t number, char *const *texts, int count, int gold,
                                 struct ltm_error *error) {
    struct prompted *p = &worker->prompted;
    bool cut = false;
    bool diverged = false;
    ltm_status status = LTM_OK;
    for (int i = 0; i < count && status == LTM_OK; i++) {
        char *prompt = NULL;
        status = prompt_make(&prompt, run->task, number, i, run->options.shots, run->options.seed, error);
        if (status == LTM_OK)
            status = score_behind(&logs[i], i == gold ? greedy : NULL, p, run->tokenizer, (uint32_t)number, false,
                                  prompt, (const char *const *)&texts[i], 1, 0, error);
        free(prompt);
        cut = cut || p->cut;
        diverged = diverged || p->diverged;
    }
    p->cut = cut;
    p->diverged = diverged;
    return status;
}

ltm_status fewshot_score(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                         struct fewshot_worker *worker, int64_t number, const char *prompt, struct ltm_error *error) {
    const enum task_kind kind = (enum task_kind)run->task->kind;
    const struct task_item *item = &run->task->items.all[number];
    const struct answers answers = answers_of(run->task, item);
    const size_t n = (size_t)answers.count;
    ltm_status status = LTM_OK;
    char **texts = NULL; /* with the delimiter */
    double *logs = NULL;
    double *scaled = NULL;
    bool is_greedy = false, *greedy = kind == TASK_PAIRS ? NULL : &is_greedy;
    TRY(NEW_ARRAY(texts, n, "choices", error));
    TRY(NEW_ARRAY(logs, n, "choices", error));
    TRY(NEW_ARRAY(scaled, n, "choices", error));
    for (size_t i = 0; i < n; i++)
        if (asprintf(&texts[i], "%s%s", answers.delimiter, answers.texts[i]) < 0) {
            texts[i] = NULL;
            status = fail_memory(error, strlen(answers.texts[i]), "a choice");
            goto cleanup;
        }
    if (item->contexts)
        TRY(score_contexts(logs, greedy, run, worker, number, texts, answers.count, answers.gold, error));
    else
        TRY(score_behind(logs, greedy, &worker->prompted, run->tokenizer, (uint32_t)number, false, prompt,
                         (const char *const *)texts, answers.count, answers.gold, error));
    TRY(add_metrics(outcome, kind, &answers, logs, is_greedy, scaled, error));
    TRY(keep(record, run, worker, number, prompt, &answers, logs, greedy, error));
    if (kind != TASK_LASTWORD) {
        const int best = largest(logs, answers.count);
        const bool right = best == answers.gold;
        char *chosen = (char *)answers.texts[best];
        TRY(measure_family(outcome, record, run, number, &chosen, &right, 1, error));
    }
cleanup:
    for (size_t i = 0; texts && i < n; i++) free(texts[i]);
    free(texts);
    free(logs);
    free(scaled);
    return status;
}
