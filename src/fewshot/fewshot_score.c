#include "fewshot/fewshot_score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "ltm/tokenizer.h"

/* What may follow a prompt: each choice, or the one answer, behind the delimiter, which stands also behind an empty prompt. */
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

/* The tokens that `text` adds behind a context: encoded together, as the harness does, or alone where the two would share a
 * token. The context's own tokens never depend on what follows. */
static ltm_status encode_behind(struct continuation *c, const struct ltm_tokenizer *tokenizer, const char *context,
                                size_t bytes, const int32_t *ids, size_t count, const char *text,
                                struct ltm_error *error) {
    char *whole = NULL;
    ltm_status status = LTM_OK;
    if (asprintf(&whole, "%.*s%s", (int)bytes, context, text) < 0) return fail_memory(error, bytes, "a prompt");
    TRY(ltm_tokenizer_encode(tokenizer, whole, strlen(whole), &c->ids, &c->count, error));
    if (c->count > count && memcmp(c->ids, ids, count * sizeof *ids) == 0) {
        c->count -= count;
        memmove(c->ids, c->ids + count, c->count * sizeof *c->ids);
    } else {
        free(c->ids);
        c->ids = NULL;
        TRY(ltm_tokenizer_encode(tokenizer, text, strlen(text), &c->ids, &c->count, error));
    }
cleanup:
    free(whole);
    return status;
}

/* Bytes of a prompt without the blanks at its end, which the harness counts to what follows. */
static size_t without_blanks(const char *prompt) {
    size_t bytes = strlen(prompt);
    while (bytes > 0 && strchr(" \t\n\r\f\v", prompt[bytes - 1])) bytes--;
    return bytes;
}

static ltm_status begin(struct continuation *continuations, const struct fewshot_run *run,
                        struct fewshot_worker *worker, int64_t number, const char *prompt,
                        const struct answers *answers, struct ltm_error *error) {
    const size_t bytes = without_blanks(prompt);
    int32_t *ids = NULL;
    size_t count;
    ltm_status status = ltm_tokenizer_encode(run->tokenizer, prompt, bytes, &ids, &count, error);
    if (status != LTM_OK) return status;
    for (int i = 0; i < answers->count; i++) {
        char *text = NULL;
        if (asprintf(&text, "%s%s%s", prompt + bytes, answers->delimiter, answers->texts[i]) < 0) {
            status = fail_memory(error, strlen(answers->texts[i]), "a choice");
            goto cleanup;
        }
        status = encode_behind(&continuations[i], run->tokenizer, prompt, bytes, ids, count, text, error);
        free(text);
        if (status != LTM_OK) goto cleanup;
        if (continuations[i].count > (size_t)run->sequence) {
            status = fail(error, LTM_INVALID, "an answer of %zu tokens is longer than model.sequence = %d",
                          continuations[i].count, run->sequence);
            goto cleanup;
        }
    }
    prompted_begin(&worker->prompted, ids, count, run->room, (uint32_t)number);
cleanup:
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
    json_t *arguments = json_array();
    json_t *responses = json_array();
    json_t *taken = json_array();
    for (int i = 0; i < answers->count; i++) {
        /* Whether a wrong choice would be written greedily is not found out. */
        json_t *is_greedy = greedy && i == answers->gold ? json_boolean(*greedy) : json_null();
        json_t *one = json_pack("[f, o]", logs[i], is_greedy);
        json_array_append(taken, one);
        json_array_append_new(responses, json_pack("[o]", one));
        json_array_append_new(arguments, json_pack("[s, s+]", prompt, answers->delimiter, answers->texts[i]));
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

ltm_status fewshot_score(struct item_outcome *outcome, struct item_record *record, const struct fewshot_run *run,
                         struct fewshot_worker *worker, int64_t number, const char *prompt, struct ltm_error *error) {
    const enum task_kind kind = run->task->kind;
    const struct answers answers = answers_of(run->task, &run->task->items.all[number]);
    const size_t n = (size_t)answers.count;
    ltm_status status = LTM_OK;
    struct continuation *continuations = NULL;
    double *logs = NULL;
    double *scaled = NULL;
    bool is_greedy = false, *greedy = kind == TASK_PAIRS ? NULL : &is_greedy;
    TRY(NEW_ARRAY(continuations, n, "choices", error));
    TRY(NEW_ARRAY(logs, n, "choices", error));
    TRY(NEW_ARRAY(scaled, n, "choices", error));
    TRY(begin(continuations, run, worker, number, prompt, &answers, error));
    TRY(prompted_score(&worker->prompted, continuations, answers.count, answers.gold, logs, greedy, error));
    for (size_t i = 0; i < n; i++)
        if (!isfinite(logs[i])) {
            status = prompted_fail_nonfinite(&worker->prompted, error);
            goto cleanup;
        }
    TRY(add_metrics(outcome, kind, &answers, logs, is_greedy, scaled, error));
    TRY(keep(record, run, worker, number, prompt, &answers, logs, greedy, error));
    if (kind != TASK_LASTWORD) {
        const int best = largest(logs, answers.count);
        const bool right = best == answers.gold;
        char *chosen = (char *)answers.texts[best];
        TRY(measure_family(outcome, record, run, number, &chosen, &right, 1, error));
    }
cleanup:
    for (size_t i = 0; continuations && i < n; i++) free(continuations[i].ids);
    free(continuations);
    free(logs);
    free(scaled);
    return status;
}
