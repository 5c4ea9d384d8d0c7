/* ltm fewshot */
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "commands.h"
#include "ltm/fewshot.h"
#include "ltm/names.h"
#include "ltm/processes.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm fewshot CHECKPOINT TASK… [option …] [key=value …]\n"
    "\n"
    "Tests a model on the items of each task, after a prompt of solved items, by the conventions of EleutherAI's\n"
    "lm-evaluation-harness. z is fitted on the prompt (shots and question), never on the answer; an answer's\n"
    "log-likelihood is the log of its mean probability over draws of z. Streaming latents are moved by the prompt and then\n"
    "stay. A model without latents is scored as a plain decoder. With eval.exit, depth is the mean of the loops that the\n"
    "tokens of the right answer, or of the text written, took; tasks with acc@… have depth@… for the same items.\n"
    "A TASK is an INI, or a folder with a task.ini; runs/tasks has ARC, BLiMP, BoolQ, CoQA, GSM8K, HellaSwag, HumanEval,\n"
    "LAMBADA, MMLU, PIQA and WinoGrande. Options may also be written name=value.\n"
    "  --data DIR             folder of the tasks' data files (beside their INI)\n"
    "  --shots N,…            solved items before each item, drawn from the task's own; a list prints one row each (0)\n"
    "  --limit N              the first N items only; 0 = all (0)\n"
    "  --draws K              draws of z per score; 0 = z at the posterior's mean (4)\n"
    "  --samples N            texts to write for each item of kind generate (1)\n"
    "  --pass K,…             pass@k from those samples (1 and N, if there are several)\n"
    "  --length N             maximum tokens to write (the task's; else a quarter of model.sequence, at most 256)\n"
    "  --temperature T        0 = always the most likely token (0 for one sample, 0.8 for several)\n"
    "  --top-k K, --top-p P   sample from the K most likely tokens; from the most likely that make up P (0 = all, 1)\n"
    "  --seed N               of shots, noise and sampling (1)\n"
    "  -o, --output DIR       write results_TASK_Nshot.json and samples_TASK_Nshot.jsonl there, as the harness does;\n"
    "                         an interrupted run resumes there and repeats no item. Items with a task_id (HumanEval) also\n"
    "                         give completions_TASK_Nshot.jsonl, to run the code elsewhere: pass@k here compares texts\n"
    "  --pairs                with -o: also write pairs_TASK_Nshot.jsonl, each wrong sample of an item with a right one or\n"
    "                         its answer: {\"prompt\", \"chosen\", \"rejected\"} for slow.objective = dpo\n"
    "  --frozen               a control: z learns nothing of the prompt; it is drawn from the prior, or streaming latents stay at\n"
    "                         their start\n"
    "  --skip-long            skip and count items with an answer longer than model.sequence (a memory without latents has\n"
    "                         no such limit); by default they are refused\n"
    "  --json                 print the results as JSON in the harness's layout; a list of them for several shots\n"
    "\n"
    "A task's INI: [task] name = …, kind = choices|generate|lastword|pairs, items = FILE (.jsonl, .jsonl.gz, .json, .csv, .tsv,\n"
    ".txt), and optionally shots = FILE, sampler = random|first_n, description, delimiter (\" \"), separator (\"\\n\\n\"),\n"
    "format = gsm8k|lambada|blimp|coqa (their published files), family, and for generate: stop, extract, ignore (POSIX\n"
    "extended regular expressions; \\d, \\s, \\w too), match = first|last, ignore_case, length. A * in items and shots makes a\n"
    "group of tasks and its average. Templates read items of any form: context = \"Question: {goal}\\nAnswer:\",\n"
    "choices = {sol1} {sol2}, gold = {label}, labels, contexts, answer (full description: src/tasks/task.h). Without them,\n"
    "items are lines of this form, with any further fields:\n"
    "  choices   {\"context\": …, \"choices\": [\"…\", …], \"gold\": 0}      acc, acc_norm, acc_bytes, exact_match\n"
    "  generate  {\"context\" or \"question\": …, \"answer\": …}           exact_match, pass@k\n"
    "  lastword  {\"text\": …}                                         acc, perplexity\n"
    "  pairs     {\"good\": …, \"bad\": …}                               acc, acc_norm, acc_bytes\n"
    "\n"
    "Keys that matter here (and their defaults; those of [fast] are the checkpoint's):\n";

static const char command[] = "fewshot";
static const char *const keys[] = {"fast.",      "run.threads", "run.seed", "run.precision",
                                   "eval.loops", "eval.exit",   NULL};

/* ---- Results: for each task one row per number of shots; then the metrics of bins (names of the form "name=value"), one row each
 * and one column per number of shots ---- */

enum { CELL = 2 * CLI_NUMBER + 8, NARROWEST = 16, BIN = 40 /* characters of a bin's name */ };

static bool is_bin(const struct ltm_fewshot_metric *metric) { return strchr(metric->name, '=') != NULL; }

static int width_of(const struct ltm_fewshot_metric *metric) {
    const size_t name = strlen(metric->name);
    const size_t filter = strlen(metric->filter);
    const size_t widest = name > filter ? name : filter;
    return widest < NARROWEST ? NARROWEST : (int)widest;
}

static void format(char cell[CELL], const struct ltm_fewshot_metric *metric) {
    cli_with_error(cell, metric->value >= 1000 ? 0 : metric->value >= 10 ? 2 : 4, metric->value, metric->error);
}

/* Padded on the left to a width in characters, since ± has two bytes. */
static void print_cell(const char *text, int width) {
    const int have = (int)utf8_count(text);
    printf("  %*s%s", have < width ? width - have : 0, "", text);
}

static void print_heading(const struct ltm_fewshot_result *result) {
    bool filters = false;
    cli_print_line(stdout, "%s: %lld of %lld item%s", result->task, (long long)result->items,
                   (long long)result->items_in_all, ltm_plural(result->items_in_all));
    printf("%6s  %6s", "shots", "cut");
    for (int i = 0; i < result->count; i++) {
        const struct ltm_fewshot_metric *metric = &result->metrics[i];
        if (is_bin(metric)) continue;
        print_cell(metric->name, width_of(metric));
        filters = filters || strcmp(metric->filter, "none") != 0;
    }
    putchar('\n');
    if (!filters) return;
    printf("%6s  %6s", "", "");
    for (int i = 0; i < result->count; i++)
        if (!is_bin(&result->metrics[i])) print_cell(result->metrics[i].filter, width_of(&result->metrics[i]));
    putchar('\n');
}

static void print_metric(const struct ltm_fewshot_result *result, const struct ltm_fewshot_metric *like) {
    const struct ltm_fewshot_metric *metric = ltm_fewshot_find(result, like);
    char cell[CELL] = "-";
    if (metric) format(cell, metric);
    print_cell(cell, width_of(is_bin(like) ? &(struct ltm_fewshot_metric){.items = 0} : like));
}

/* Whether one has every metric of the other, bins excluded. */
static bool covers(const struct ltm_fewshot_result *one, const struct ltm_fewshot_result *other) {
    for (int i = 0; i < other->count; i++)
        if (!is_bin(&other->metrics[i]) && !ltm_fewshot_find(one, &other->metrics[i])) return false;
    return true;
}

/* `results`: one task's so far, the last of which is new. */
static void fewshot_print_row(const struct ltm_fewshot_result *results, int count) {
    const struct ltm_fewshot_result *last = &results[count - 1];
    /* A metric may exist only if some output could be read: then the columns change. */
    if (count == 1 || !covers(last, &results[count - 2]) || !covers(&results[count - 2], last)) print_heading(last);
    printf("%6d  %6lld", last->shots, (long long)last->cut);
    for (int i = 0; i < last->count; i++)
        if (!is_bin(&last->metrics[i])) print_metric(last, &last->metrics[i]);
    putchar('\n');
    fflush(stdout);
}

static void print_bins_heading(const struct ltm_fewshot_result *results, int count) {
    char cell[CELL];
    printf("%-*s", BIN, "");
    for (int r = 0; r < count; r++) {
        snprintf(cell, sizeof cell, "%d shot%s", results[r].shots, ltm_plural(results[r].shots));
        print_cell(cell, NARROWEST);
    }
    putchar('\n');
}

/* After all results. */
static void fewshot_print_bins(const struct ltm_fewshot_result *results, int count) {
    bool any = false;
    for (int from = 0; from < count; from++)
        for (int i = 0; i < results[from].count; i++) {
            const struct ltm_fewshot_metric *metric = &results[from].metrics[i];
            bool shown = !is_bin(metric);
            for (int before = 0; before < from; before++) shown = shown || ltm_fewshot_find(&results[before], metric);
            if (shown) continue;
            if (!any) print_bins_heading(results, count);
            any = true;
            printf("%-*s", BIN, metric->name);
            for (int r = 0; r < count; r++) print_metric(&results[r], metric);
            putchar('\n');
        }
}

enum { SHOTS_MOST = 32 };

struct request {
    struct ltm_fewshot_options options;
    int shots[SHOTS_MOST], shot_count;
    struct cli_arguments arguments; /* the checkpoint, then the tasks, and settings */
    char **tasks;
    int task_count;
    bool json, skip_long, pairs, frozen;
    struct ltm_config config; /* options.fast points into it */
};

/* "0,1,5" */
static int set_list(const char *name, const char *text, int least, int most, int *values, int *count) {
    char *copy = strdup(text);
    char *rest = copy;
    int code = copy ? CLI_OK : cli_no_memory();
    *count = 0;
    while (code == CLI_OK && rest) {
        int64_t number = 0;
        const char *word = strsep(&rest, ",");
        if (*count == most) code = cli_usage(command, "%s takes at most %d values", name, most);
        if (code == CLI_OK) code = option_number(command, name, word, least, INT_MAX, &number);
        for (int i = 0; code == CLI_OK && i < *count; i++)
            if (values[i] == (int)number) code = cli_usage(command, "%s lists %d twice", name, (int)number);
        if (code == CLI_OK) values[(*count)++] = (int)number;
    }
    free(copy);
    return code;
}

static int take_shots(void *user, const char *text) {
    struct request *r = user;
    return set_list("--shots", text, 0, SHOTS_MOST, r->shots, &r->shot_count);
}

static int take_passes(void *user, const char *text) {
    struct ltm_fewshot_options *o = &((struct request *)user)->options;
    return set_list("--pass", text, 1, LTM_FEWSHOT_PASS_MOST, o->pass, &o->passes);
}

/* Report everything that would be refused, before anything is scored. */
static ltm_status check(const struct ltm_model *model, struct request *r, struct ltm_error *error) {
    char(*names)[64] = calloc((size_t)r->task_count + 1, sizeof *names);
    ltm_status status = names ? LTM_OK : LTM_MEMORY;
    for (int t = 0; t < r->task_count && status == LTM_OK; t++) {
        for (int s = 0; s < r->shot_count && status == LTM_OK; s++) {
            r->options.shots = r->shots[s];
            status = ltm_fewshot_check(model, r->tasks[t], &r->options, names[t], error);
        }
        for (int before = 0; before < t && status == LTM_OK; before++)
            if (strcmp(names[before], names[t]) == 0) {
                status = error->code = LTM_INVALID;
                snprintf(error->message, sizeof error->message, "%.400s and %.400s are both called %s",
                         r->tasks[before], r->tasks[t], names[t]);
            }
    }
    free(names);
    return status;
}

/* One task at every number of shots; results (shot_count), of which *done are valid, also after a failure. */
static ltm_status take_task(const struct ltm_model *model, struct request *r, const char *task,
                            struct ltm_fewshot_result *results, int *done, struct ltm_error *error) {
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    for (*done = 0; *done < r->shot_count; ++*done) {
        struct ltm_fewshot_result *result = &results[*done];
        r->options.shots = r->shots[*done];
        ltm_status status = ltm_fewshot(model, task, &r->options, &watch, result, error);
        if (status == LTM_OK && result->diverged)
            cli_bar_line(&bar,
                         "%s: the fast loop diverged on %lld of %lld prompts, so z comes from the prior there; a lower "
                         "fast.lr may help",
                         result->task, (long long)result->diverged, (long long)result->items);
        if (status == LTM_OK && result->repeated)
            cli_bar_line(&bar, "%s: %lld of %lld items repeat an earlier one; standard errors count them as one",
                         result->task, (long long)result->repeated, (long long)result->items);
        if (status == LTM_OK && result->skipped)
            cli_bar_line(&bar, "%s: %lld of %lld items have an answer longer than the model's sequence and are skipped",
                         result->task, (long long)result->skipped, (long long)result->items);
        if (status == LTM_OK && result->unfinished)
            cli_bar_line(&bar, "%s: %lld texts were cut at the maximum length; raise --length to let them end",
                         result->task, (long long)result->unfinished);
        if (status == LTM_OK && result->resumed)
            cli_bar_line(&bar, "%s: %lld of %lld items were done already", result->task, (long long)result->resumed,
                         (long long)result->items);
        cli_bar_end(&bar);
        if (status != LTM_OK) return status;
        if (!r->json) fewshot_print_row(results, *done + 1);
    }
    if (!r->json) fewshot_print_bins(results, r->shot_count);
    return LTM_OK;
}

/* An object of all tasks for each number of shots, results (task_count, shot_count). */
static ltm_status print_json(const struct request *r, const struct ltm_fewshot_result *results,
                             struct ltm_error *error) {
    const int S = r->shot_count;
    struct ltm_fewshot_result *column = calloc((size_t)r->task_count + 1, sizeof *column);
    ltm_status status = column ? LTM_OK : LTM_MEMORY;
    if (S > 1 && column) puts("[");
    for (int s = 0; s < S && status == LTM_OK; s++) {
        char *json = NULL;
        for (int t = 0; t < r->task_count; t++) column[t] = results[t * S + s];
        status = ltm_fewshot_json(column, r->task_count, &json, error);
        if (json) printf("%s%s\n", json, s + 1 < S ? "," : "");
        free(json);
    }
    if (S > 1 && status == LTM_OK) puts("]");
    free(column);
    return status;
}

/* A table of each group's averages, a row for each number of shots. */
static ltm_status print_groups(const struct request *r, const struct ltm_fewshot_result *results,
                               struct ltm_error *error) {
    const int S = r->shot_count;
    struct ltm_fewshot_result *members = calloc((size_t)r->task_count + 1, sizeof *members);
    struct ltm_fewshot_result means[SHOTS_MOST];
    ltm_status status = members ? LTM_OK : LTM_MEMORY;
    for (int t = 0; t < r->task_count && status == LTM_OK; t++) {
        const char *group = results[t * S].group;
        bool first = *group;
        for (int before = 0; before < t; before++) first = first && strcmp(results[before * S].group, group) != 0;
        int done = 0;
        for (; first && done < S && status == LTM_OK; done++) {
            int n = 0;
            for (int k = t; k < r->task_count; k++)
                if (strcmp(results[k * S].group, group) == 0) members[n++] = results[k * S + done];
            status = ltm_fewshot_average(&means[done], members, n, error);
            if (done == 0) putchar('\n');
            if (done == 0) cli_print_line(stdout, "mean of %d tasks of %s", n, group);
            if (status == LTM_OK) fewshot_print_row(means, done + 1);
        }
        for (int s = 0; s < done; s++) ltm_fewshot_result_free(&means[s]);
    }
    free(members);
    return status;
}

static ltm_status take_tasks(const struct ltm_model *model, struct request *r, struct ltm_error *error) {
    const int S = r->shot_count;
    struct ltm_fewshot_result *results = calloc((size_t)r->task_count * (size_t)S + 1, sizeof *results);
    ltm_status status = ltm_processes_agree(results ? check(model, r, error) : LTM_MEMORY, error);
    for (int t = 0; results && t < r->task_count && status == LTM_OK; t++) {
        int done;
        if (t > 0 && !r->json) putchar('\n');
        status = take_task(model, r, r->tasks[t], results + t * S, &done, error);
    }
    if (results && status == LTM_OK && !r->json) status = print_groups(r, results, error);
    if (results && status == LTM_OK && r->json) status = print_json(r, results, error);
    for (int i = 0; results && i < r->task_count * S; i++) ltm_fewshot_result_free(&results[i]);
    free(results);
    return status;
}

/* Put the checkpoint's configuration, with the command line's keys, into the options. */
static ltm_status configure(const struct ltm_model *model, struct request *r, struct ltm_error *error) {
    r->config = arguments_checkpoint_config(model);
    r->config.run.seed = r->options.seed;
    ltm_status status = arguments_configure(&r->config, r->arguments.settings, r->arguments.setting_count, error);
    if (status != LTM_OK) return status;
    r->options.fast = &r->config.fast;
    r->options.seed = r->config.run.seed;
    r->options.threads = r->config.run.threads;
    r->options.precision = r->config.run.precision;
    r->options.loops = r->config.eval.loops;
    r->options.exit = r->config.eval.exit;
    return LTM_OK;
}

/* Expand the command line's tasks, some of which may be groups. */
static ltm_status expand(struct request *r, char **paths, int count, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (int i = 0; i < count && status == LTM_OK; i++) {
        char **more;
        int n;
        status = ltm_fewshot_expand(&more, &n, paths[i], r->options.data, error);
        if (status != LTM_OK) break;
        char **tasks = realloc(r->tasks, ((size_t)r->task_count + (size_t)n) * sizeof *tasks);
        if (!tasks) status = LTM_MEMORY;
        if (tasks) r->tasks = tasks;
        for (int k = 0; k < n; k++)
            if (tasks)
                tasks[r->task_count++] = more[k];
            else
                free(more[k]);
        free((void *)more);
    }
    return status;
}

static int run(struct request *r) {
    struct ltm_error error = {.code = LTM_MEMORY};
    struct ltm_model *model = NULL;
    ltm_status status = cli_join(&error);
    if (status == LTM_OK) status = ltm_processes_agree(ltm_model_open(&model, r->arguments.paths[0], &error), &error);
    if (status == LTM_OK) status = ltm_processes_agree(configure(model, r, &error), &error);
    if (status == LTM_OK)
        status = ltm_processes_agree(expand(r, r->arguments.paths + 1, r->arguments.path_count - 1, &error), &error);
    if (status == LTM_OK) status = take_tasks(model, r, &error);
    ltm_model_close(model);
    for (int i = 0; i < r->task_count; i++) free(r->tasks[i]);
    free((void *)r->tasks);
    return status == LTM_OK ? CLI_OK : cli_fail(&error);
}

int command_fewshot(int argc, char **argv) {
    struct request r = {.options = ltm_fewshot_defaults(), .shot_count = 1};
    struct ltm_fewshot_options *o = &r.options;
    const struct cli_option options[] = {{"shots", .take = take_shots, .user = &r},
                                         {"limit", .large = &o->limit, .least = 0, .most = 1e18},
                                         {"draws", .number = &o->draws, .least = 0, .most = INT_MAX},
                                         {"samples", .number = &o->samples, .least = 1, .most = INT_MAX},
                                         {"pass", .take = take_passes, .user = &r},
                                         {"length", .number = &o->length, .least = 0, .most = INT_MAX},
                                         {"temperature", .real = &o->temperature, .least = 0, .most = 100},
                                         {"top-k", .number = &o->top_k, .least = 0, .most = INT_MAX},
                                         {"top-p", .real = &o->top_p, .least = 0, .most = 1},
                                         {"seed", .seed = &o->seed},
                                         {"output", .letter = 'o', .text = &o->output},
                                         {"data", .text = &o->data},
                                         {"skip-long", .on = &r.skip_long},
                                         {"frozen", .on = &r.frozen},
                                         {"pairs", .on = &r.pairs},
                                         {"json", .on = &r.json},
                                         {0}};
    const struct command_line line = {command, usage, keys, options};
    const int code = options_read_all(&line, argc, argv, &r.arguments);
    if (code != CLI_GO_ON) return code;
    o->skip_long = r.skip_long;
    o->frozen = r.frozen;
    o->pairs = r.pairs;
    if (r.arguments.path_count < 2) return cli_usage(command, "name a checkpoint and a task");
    return run(&r);
}
