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
 * z is fitted on the prompt (shots and question) and never on the answer: q(z|prompt) does not depend on the answer or the
 * choices. An answer is scored by its predictive probability,
 *
 *     log p(answer | prompt) = log 1/K Σ_k p(answer | prompt, z_k),   z_k ~ q(z|prompt), K = `draws`,
 *
 * and each sample is written under its own z ~ q(z|prompt). Without latents (latent.count = 0) both are the plain decoder's;
 * for an empty prompt z comes from the prior. If prompt and answer do not fit, the end of the prompt that fits before the
 * answer is kept, as in the harness; such items are counted (`cut`). Streaming latents, and a memory without latents, read all of it. The text that z is fitted on does not depend on answers.
 *
 * Metrics follow EleutherAI's lm-evaluation-harness, each with the filter that extracted the answer from the text ("none" if
 * there is no extraction):
 *
 *     acc, acc_norm, acc_bytes   the gold choice has the largest log-likelihood; per character; per byte
 *     exact_match                choices: greedy decoding writes the gold choice; generate: the share of samples whose
 *                                answer is the gold one, which is also pass@1
 *     pass@k                     1 - C(n-c, k) / C(n, k) from n samples of which c are right, unbiased; answers are compared as
 *                                text, code is never run
 *     em, f1                     CoQA: by words, as SQuAD compares them
 *     acc, perplexity            lastword: the word is the greedy one; e^(-mean log-likelihood of the word)
 *
 *     depth                      where positions leave loops (exit): the loops run by those that predict the tokens of the
 *                                gold choice or of the text written; not for pairs
 *
 * and the metrics of a family of synthetic tasks; its acc@… are acc, or exact_match of the first filter, on some of the items,
 * and depth@… is depth on the same items. Forms of tasks: src/tasks/task.h, ltm fewshot --help. */
#pragma once

#include <stdint.h>

#include "ltm/config.h"
#include "ltm/model.h"
#include "ltm/status.h"
#include "ltm/watch.h"

LTM_C_BEGIN

enum { LTM_FEWSHOT_PASS_MOST = 8 };

struct ltm_fewshot_options {
    int shots;     /* solved examples before each item, drawn for each item by the seed */
    int64_t limit; /* take only the first items, this many; 0 = all */
    int draws;     /* K; 0 = z at the posterior's mean */
    int samples;   /* texts to write for an item of kind generate */
    int pass[LTM_FEWSHOT_PASS_MOST],
        passes;                         /* the k of pass@k, at most `samples`; none = 1 and, if larger, `samples` */
    int length;                         /* maximum tokens to write; 0 = the task's, or a quarter of model.sequence */
    double temperature;                 /* 0 = the most likely token; LTM_AUTO = 0 for one sample, else 0.8 */
    int top_k;                          /* 0 = all */
    double top_p;                       /* 1 = all */
    uint64_t seed;                      /* of shots, noise and sampling */
    int threads;                        /* 0 = one per core; changes no result */
    int precision;                      /* enum ltm_precision; auto = as in training, if this machine supports it */
    const struct ltm_fast_config *fast; /* how prompts are fitted; NULL = as in training */
    int loops;                          /* of the core; 0 = model.loops */
    struct ltm_exit_config exit;        /* how positions leave them, those of the prompt too; 0: not */
    int frozen;         /* 1: z learns nothing of the prompt: the prior, or streaming latents at their start */
    const char *output; /* a folder for results, or NULL; see ltm_fewshot */
    int pairs; /* 1: also write pairs_TASK_Nshot.jsonl, right and wrong samples as {"prompt", "chosen", "rejected"} */
    int skip_long;    /* 1: skip items whose answer is too long (`skipped`); 0: refuse them */
    const char *data; /* folder of the task's data files; NULL = beside its INI */
};

/* No shots, all items, 4 draws, one sample, temperature auto, top-k off, top-p 1, seed 1, all cores, no folder. */
struct ltm_fewshot_options ltm_fewshot_defaults(void);

/* A mean over the items that have the metric, and its standard error (NaN for a single item; of a perplexity a first-order estimate). */
struct ltm_fewshot_metric {
    char name[48], filter[32];
    double value, error;
    int64_t items;
};

struct ltm_fewshot_result {
    char task[64], group[64]; /* group: "" = none */
    int average_tasks;        /* a group's mean: 1 = of its tasks' means, 0 = weighted by their items */
    int shots;
    int64_t items, items_in_all; /* taken; in the task's file */
    int64_t cut;                 /* items whose prompt was too long (0: a state reads on) */
    int64_t repeated;            /* items that repeat an earlier one; errors count them as one */
    int64_t skipped;             /* items with an answer longer than model.sequence (0: a memory without latents) */
    int64_t unfinished;          /* texts that were cut at `length`, before any stop */
    int64_t diverged;            /* items whose prompt the fast loop could not fit, so z came from the prior */
    int64_t resumed;             /* items that were already in `output` */
    struct ltm_fewshot_metric *metrics; /* [count] */
    int count;
    char *settings; /* a JSON object: checkpoint, task and options that the figures depend on */
};

/* Run one task: its INI, or a folder with a task.ini. The result is the same for any number of threads.
 *
 * With `output`, that folder gets samples_TASK_Nshot.jsonl, a line for each item and filter as the harness writes them, while
 * items finish; an interrupted run resumes there and repeats none of them. At the end the lines are sorted, and
 * results_TASK_Nshot.json has the metrics; items with a "task_id" (HumanEval) also give completions_TASK_Nshot.jsonl, for
 * programs that run code. LTM_MISMATCH, naming the setting, if the folder's items were made with another
 * checkpoint, task or setting; LTM_INVALID for options out of range and for malformed tasks; LTM_UNSUPPORTED for a model
 * without a tokenizer. */
ltm_status ltm_fewshot(const struct ltm_model *model, const char *task, const struct ltm_fewshot_options *options,
                       const struct ltm_watch *watch, struct ltm_fewshot_result *result, struct ltm_error *error);
void ltm_fewshot_result_free(struct ltm_fewshot_result *result);

/* Report everything that ltm_fewshot would refuse before its first item, without running any; `name` gets the task's name. */
ltm_status ltm_fewshot_check(const struct ltm_model *model, const char *task, const struct ltm_fewshot_options *options,
                             char name[64], struct ltm_error *error);

/* The tasks that a path stands for, in the form that ltm_fewshot takes: itself or, for a group (an INI whose items have a *), one per
 * file. The caller frees each and the list. */
ltm_status ltm_fewshot_expand(char ***tasks, int *count, const char *path, const char *data, struct ltm_error *error);

/* A result's metric with the same name and filter as another's, or NULL. */
const struct ltm_fewshot_metric *ltm_fewshot_find(const struct ltm_fewshot_result *result,
                                                  const struct ltm_fewshot_metric *like);

/* A group's average: the means of the metrics that all its tasks have, weighted as its INI says, named after the group.
 * Errors assume independent tasks. */
ltm_status ltm_fewshot_average(struct ltm_fewshot_result *mean, const struct ltm_fewshot_result *results, int count,
                               struct ltm_error *error);

/* Set *json to the results of several tasks and the averages of their groups, at one number of shots each, in the harness's layout (results, configs,
 * versions, n-shot, n-samples …); the caller frees it. LTM_INVALID if two tasks have the same name. */
ltm_status ltm_fewshot_json(const struct ltm_fewshot_result *results, int count, char **json, struct ltm_error *error);

LTM_C_END
