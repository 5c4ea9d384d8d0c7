/* Few-shot tasks: how well a model answers after a prompt of a few solved examples.
 *
 *     struct ltm_fewshot_options options = ltm_fewshot_defaults();
 *     options.shots = 5;
 *     struct ltm_fewshot_result result;
 *     if (ltm_fewshot(model, "tasks/gsm8k", &options, NULL, &result, &error) == LTM_OK) {
 *         for (int i = 0; i < result.count; i++) printf("%s %g\n", result.metrics[i].name, result.metrics[i].value);
 *         ltm_fewshot_result_free(&result);
 *     }
 *
 * z is fitted on the prompt (shots and question) and never on the answer: q(z|prompt) is the same whatever the answer and the
 * choices are. An answer is scored by what is predicted of it,
 *
 *     log p(answer | prompt) = log 1/K Σ_k p(answer | prompt, z_k),   z_k ~ q(z|prompt), K = `draws`,
 *
 * and written under a z ~ q(z|prompt) for each sample. Without latents (latent.count = 0) both are the plain decoder's; an
 * empty prompt leaves z to the prior. Of a prompt that does not fit before an answer the end is kept, of each answer as much as
 * fits before it, as in the harness; items with such an answer are counted (`cut`). What z is fitted on does not depend on answers.
 *
 * Metrics follow EleutherAI's lm-evaluation-harness, each with the filter that took the answer from the text ("none" where
 * there is none to take):
 *
 *     acc, acc_norm, acc_bytes   the gold choice has the largest log-likelihood; per character; per byte
 *     exact_match                choices: the gold choice is what greedy decoding writes; generate: the share of samples whose
 *                                answer is the gold one, which is pass@1 too
 *     pass@k                     1 - C(n-c, k) / C(n, k) from n samples of which c are right, without bias; right is a text, code
 *                                is never run
 *     em, f1                     CoQA: by words, as SQuAD compares them
 *     acc, perplexity            lastword: the word is the greedy one; e^(-mean log-likelihood of the word)
 *
 * and what a family of synthetic tasks measures besides; its acc@… are acc, or exact_match of the first filter, of some items. Forms of tasks: src/tasks/task.h, ltm fewshot --help. */
#pragma once

#include <stdint.h>

#include "ltm/config.h"
#include "ltm/model.h"
#include "ltm/status.h"
#include "ltm/watch.h"

LTM_C_BEGIN

enum { LTM_FEWSHOT_PASS_MOST = 8 };

struct ltm_fewshot_options {
    int shots;     /* solved examples before each item, drawn anew for each by the seed */
    int64_t limit; /* items taken, from the first on; 0 = all */
    int draws;     /* K; 0 = z at the posterior's mean */
    int samples;   /* texts written for an item of kind generate */
    int pass[LTM_FEWSHOT_PASS_MOST],
        passes;         /* the k of pass@k, at most `samples`; none = 1 and `samples`, if that is more */
    int length;         /* tokens written at most; 0 = the task's, or a quarter of model.sequence */
    double temperature; /* 0 = the likeliest token; LTM_AUTO = 0 for one sample, else 0.8 */
    int top_k;          /* 0 = all */
    double top_p;       /* 1 = all */
    uint64_t seed;      /* of shots, noise and sampling */
    int threads;        /* 0 = one a core; changes no result */
    int precision;      /* enum ltm_precision; auto = as in training, where this machine has it */
    const struct ltm_fast_config *fast; /* how prompts are fitted; NULL = as in training */
    const char *output;                 /* a folder for results, or NULL; see ltm_fewshot */
    int pairs; /* 1: write pairs_TASK_Nshot.jsonl there too, right and wrong samples as {"prompt", "chosen", "rejected"} */
    int skip_long;    /* 1: leave out items with an answer longer than the model's sequence; 0: refuse them */
    const char *data; /* where the task's files are; NULL = beside its INI */
};

/* No shots, all items, 4 draws, one sample, temperature auto, top-k off, top-p 1, seed 1, all cores, no folder. */
struct ltm_fewshot_options ltm_fewshot_defaults(void);

/* A mean over the items that have the metric, and its standard error (NaN for a single one; of a perplexity of first order). */
struct ltm_fewshot_metric {
    char name[48], filter[32];
    double value, error;
    int64_t items;
};

struct ltm_fewshot_result {
    char task[64], group[64]; /* group: "" = none */
    int average_tasks;        /* a group's mean: 1 = of its tasks' means, 0 = weighed by their items */
    int shots;
    int64_t items, items_in_all; /* taken; in the task's file */
    int64_t cut;                 /* items whose prompt was too long, for one of the answers at least */
    int64_t repeated;            /* items that ask what an earlier one does; errors count them together with it */
    int64_t skipped;             /* items with an answer longer than the model's sequence */
    int64_t unfinished;          /* texts written that ended at `length`, by no stop */
    int64_t diverged;            /* items whose prompt the fast loop could not fit, so that z came from the prior */
    int64_t resumed;             /* items that `output` already held */
    struct ltm_fewshot_metric *metrics; /* [count] */
    int count;
    char *settings; /* a JSON object: checkpoint, task and options that the figures depend on */
};

/* Take one task: its INI, or a folder that holds task.ini. The result is the same for any number of threads.
 *
 * With `output` that folder gets samples_TASK_Nshot.jsonl, a line for each item and filter as the harness writes them, as the
 * items are done; a run that was cut short goes on there and repeats none of them. At the end the lines are put in order, and
 * results_TASK_Nshot.json has the metrics; items with a "task_id" (HumanEval) give completions_TASK_Nshot.jsonl too, for what
 * runs code. LTM_MISMATCH, naming the setting, when the folder's items were made with another
 * checkpoint, task or setting; LTM_INVALID for options out of range and for malformed tasks; LTM_UNSUPPORTED for a model
 * without a tokenizer. */
ltm_status ltm_fewshot(const struct ltm_model *model, const char *task, const struct ltm_fewshot_options *options,
                       const struct ltm_watch *watch, struct ltm_fewshot_result *result, struct ltm_error *error);
void ltm_fewshot_result_free(struct ltm_fewshot_result *result);

/* What ltm_fewshot would refuse before its first item, without taking any; `name` gets the task's. */
ltm_status ltm_fewshot_check(const struct ltm_model *model, const char *task, const struct ltm_fewshot_options *options,
                             char name[64], struct ltm_error *error);

/* The tasks that a path stands for, as ltm_fewshot takes them: itself, or of a group (an INI whose items hold a *) one for each file.
 * The caller frees each and the list. */
ltm_status ltm_fewshot_expand(char ***tasks, int *count, const char *path, const char *data, struct ltm_error *error);

/* The metric of a result that has the name and filter of another's, or NULL. */
const struct ltm_fewshot_metric *ltm_fewshot_find(const struct ltm_fewshot_result *result,
                                                  const struct ltm_fewshot_metric *like);

/* What a group's tasks have in common: the means of the metrics that all of them have, as its INI weighs them, named after the group.
 * The errors are those of independent tasks. */
ltm_status ltm_fewshot_average(struct ltm_fewshot_result *mean, const struct ltm_fewshot_result *results, int count,
                               struct ltm_error *error);

/* *json becomes the results of several tasks and the averages of their groups, at one number of shots each, in the harness's layout (results, configs,
 * versions, n-shot, n-samples …); the caller frees it. LTM_INVALID when two tasks have one name. */
ltm_status ltm_fewshot_json(const struct ltm_fewshot_result *results, int count, char **json, struct ltm_error *error);

LTM_C_END
