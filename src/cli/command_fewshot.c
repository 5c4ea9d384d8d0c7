/* ltm fewshot */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "commands.h"
#include "fewshot_print.h"
#include "ltm/fewshot.h"
#include "ltm/names.h"
#include "ltm/processes.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm fewshot CHECKPOINT TASK… [option …] [key=value …]\n"
    "\n"
    "Asks a model the items of each task behind a prompt of solved ones, by the conventions of EleutherAI's\n"
    "lm-evaluation-harness. z is fitted on the prompt (shots and question), never on the answer; an answer's\n"
    "log-likelihood is the log of its mean probability over draws of z. Without latents: a plain decoder.\n"
    "A TASK is an INI, or a folder that holds task.ini. Options may also be written name=value.\n"
    "  --shots N,…            solved items before each, drawn from the task's own; a list prints a row each (0)\n"
    "  --limit N              the first N items only; 0 = all (0)\n"
    "  --draws K              draws of z behind a score; 0 = z at the posterior's mean (4)\n"
    "  --samples N            texts written for an item of kind generate (1)\n"
    "  --pass K,…             pass@k from those samples (1 and N, where there are several)\n"
    "  --length N             tokens written at most (the task's; else a quarter of model.sequence, at most 256)\n"
    "  --temperature T        0 = always the likeliest token (0 for one sample, 0.8 for several)\n"
    "  --top-k K, --top-p P   of the K likeliest tokens; of the likeliest that make up P (0 = all, 1)\n"
    "  --seed N               of shots, noise and sampling (1)\n"
    "  -o, --output DIR       write results_TASK_Nshot.json and samples_TASK_Nshot.jsonl there, as the harness does;\n"
    "                         what was cut short goes on there, and repeats no item\n"
    "  --json                 print the results as JSON in the harness's layout; a list of them for several shots\n"
    "\n"
    "A task's INI: [task] name = …, kind = choices|generate|lastword|pairs, items = FILE.jsonl[.gz], and where wanted\n"
    "shots = FILE.jsonl[.gz], format = gsm8k|lambada|blimp (their own files, as they are), family, delimiter (\" \"),\n"
    "separator (\"\\n\\n\"), and for generate: stop, extract, ignore (POSIX extended regular expressions), match =\n"
    "first|last, ignore_case, length. Items, one a line, with any further fields:\n"
    "  choices   {\"context\": …, \"choices\": [\"…\", …], \"gold\": 0}      acc, acc_norm, acc_bytes, exact_match\n"
    "  generate  {\"context\" or \"question\": …, \"answer\": …}           exact_match, pass@k\n"
    "  lastword  {\"text\": …}                                         acc, perplexity\n"
    "  pairs     {\"good\": …, \"bad\": …}                               acc, acc_norm, acc_bytes\n"
    "\n"
    "Keys that matter here (and their defaults; those of [fast] are the checkpoint's):\n";

static const struct option long_options[] = {{"shots", required_argument, NULL, 'n'},
                                             {"limit", required_argument, NULL, 'l'},
                                             {"draws", required_argument, NULL, 'd'},
                                             {"samples", required_argument, NULL, 'm'},
                                             {"pass", required_argument, NULL, 'a'},
                                             {"length", required_argument, NULL, 'L'},
                                             {"temperature", required_argument, NULL, 't'},
                                             {"top-k", required_argument, NULL, 'k'},
                                             {"top-p", required_argument, NULL, 'p'},
                                             {"seed", required_argument, NULL, 's'},
                                             {"output", required_argument, NULL, 'o'},
                                             {"json", no_argument, NULL, 'j'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static const char command[] = "fewshot";
static const char *const keys[] = {"fast.", "run.threads", "run.seed", "run.precision", NULL};

enum { SHOTS_MOST = 32 };

struct request {
    struct ltm_fewshot_options options;
    int shots[SHOTS_MOST], shot_count;
    const char *checkpoint;
    char **tasks, **settings; /* paths, and assignments of keys */
    int task_count, setting_count;
    bool json;
    struct ltm_config config; /* that options.fast is of */
};

/* "0,1,5" */
static int set_list(const char *name, const char *text, int least, int most, int *values, int *count) {
    char *copy = strdup(text);
    char *rest = copy;
    int code = copy ? CLI_OK : cli_no_memory();
    *count = 0;
    while (code == CLI_OK && rest) {
        long long number = 0;
        const char *word = strsep(&rest, ",");
        if (*count == most) code = cli_usage(command, "%s has more than %d values", name, most);
        if (code == CLI_OK) code = option_number(command, name, word, least, INT_MAX, &number);
        for (int i = 0; code == CLI_OK && i < *count; i++)
            if (values[i] == (int)number) code = cli_usage(command, "%s has %lld twice", name, number);
        if (code == CLI_OK) values[(*count)++] = (int)number;
    }
    free(copy);
    return code;
}

static int set_int(const char *name, const char *text, int least, int *value) {
    long long number = 0;
    int code = option_number(command, name, text, least, INT_MAX, &number);
    *value = (int)number;
    return code;
}

static int set_option(struct request *r, int letter, const char *value, char **argv) {
    struct ltm_fewshot_options *o = &r->options;
    long long number = 0;
    int code;
    switch (letter) {
    case 'n':
        return set_list("--shots", value, 0, SHOTS_MOST, r->shots, &r->shot_count);
    case 'l':
        code = option_number(command, "--limit", value, 0, LLONG_MAX, &number);
        o->limit = number;
        return code;
    case 'd':
        return set_int("--draws", value, 0, &o->draws);
    case 'm':
        return set_int("--samples", value, 1, &o->samples);
    case 'a':
        return set_list("--pass", value, 1, LTM_FEWSHOT_PASS_MOST, o->pass, &o->passes);
    case 'L':
        return set_int("--length", value, 0, &o->length);
    case 't':
        return option_real(command, "--temperature", value, 0, 100, &o->temperature);
    case 'k':
        return set_int("--top-k", value, 0, &o->top_k);
    case 'p':
        return option_real(command, "--top-p", value, 0, 1, &o->top_p);
    case 's':
        return option_seed(command, value, &o->seed);
    case 'o':
        o->output = value;
        return CLI_OK;
    case 'j':
        r->json = true;
        return CLI_OK;
    default:
        return option_unknown(command, argv);
    }
}

/* shots=5 as --shots 5; keys with a section wait for the model, whose configuration they change. */
static int set_assignment(struct request *r, char *assignment) {
    const size_t length = strcspn(assignment, "=");
    const char *names[16];
    size_t count = 0;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)length, assignment);
    if (strchr(name, '.')) {
        for (const char *const *key = keys; *key; key++)
            if (strncmp(name, *key, strlen(*key)) == 0) {
                r->settings[r->setting_count++] = assignment;
                return CLI_OK;
            }
        return cli_usage(command,
                         "%s changes no score here; the keys that do are fast.*, run.seed, run.threads and "
                         "run.precision",
                         name);
    }
    for (const struct option *o = long_options; o->name; o++) {
        if (o->has_arg != required_argument) continue;
        if (option_is_named(o->name, assignment, length)) return set_option(r, o->val, assignment + length + 1, NULL);
        names[count++] = o->name;
    }
    const char *nearest = ltm_nearest_name(name, names, count);
    if (nearest) return cli_usage(command, "there is no option \"%s\"; did you mean %s?", name, nearest);
    return cli_usage(command, "there is no option \"%s\"", name);
}

/* All that would be refused anyway, before anything is scored. */
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

/* One task at every number of shots; results (shot_count), of which *done are there also after a failure. */
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
                         "%s: the fast loop diverged on %lld of %lld prompts, where z comes from the prior; a lower "
                         "fast.lr may mend it",
                         result->task, (long long)result->diverged, (long long)result->items);
        if (status == LTM_OK && result->resumed)
            cli_bar_line(&bar, "%s: %lld of %lld items were there already", result->task, (long long)result->resumed,
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

static ltm_status take_tasks(const struct ltm_model *model, struct request *r, struct ltm_error *error) {
    const int S = r->shot_count;
    struct ltm_fewshot_result *results = calloc((size_t)r->task_count * (size_t)S + 1, sizeof *results);
    ltm_status status = ltm_processes_agree(results ? check(model, r, error) : LTM_MEMORY, error);
    for (int t = 0; results && t < r->task_count && status == LTM_OK; t++) {
        int done;
        if (t > 0 && !r->json) putchar('\n');
        status = take_task(model, r, r->tasks[t], results + t * S, &done, error);
    }
    if (results && status == LTM_OK && r->json) status = print_json(r, results, error);
    for (int i = 0; results && i < r->task_count * S; i++) ltm_fewshot_result_free(&results[i]);
    free(results);
    return status;
}

/* The checkpoint's configuration with the keys of the command line, into the options. */
static ltm_status configure(const struct ltm_model *model, struct request *r, struct ltm_error *error) {
    r->config = arguments_checkpoint_config(model);
    r->config.run.seed = r->options.seed;
    ltm_status status = arguments_override(&r->config, r->settings, r->setting_count, error);
    if (status == LTM_OK) status = ltm_config_check(&r->config, error);
    if (status != LTM_OK) return status;
    ltm_config_resolve(&r->config);
    r->options.fast = &r->config.fast;
    r->options.seed = r->config.run.seed;
    r->options.threads = r->config.run.threads;
    r->options.precision = r->config.run.precision;
    return LTM_OK;
}

static int run(struct request *r) {
    struct ltm_error error = {.code = LTM_MEMORY};
    struct ltm_model *model = NULL;
    ltm_status status = cli_join(&error);
    if (status == LTM_OK) status = ltm_processes_agree(ltm_model_open(&model, r->checkpoint, &error), &error);
    if (status == LTM_OK) status = ltm_processes_agree(configure(model, r, &error), &error);
    if (status == LTM_OK) status = take_tasks(model, r, &error);
    ltm_model_close(model);
    return status == LTM_OK ? CLI_OK : cli_fail(&error);
}

static int print_help(void) {
    fputs(usage, stdout);
    arguments_print_keys(keys);
    return CLI_OK;
}

/* Options, then paths and assignments in any order. `tasks` and `settings` have room for all arguments. */
static int read_arguments(struct request *r, int argc, char **argv, bool *help) {
    int letter;
    int code = CLI_OK;
    while ((letter = getopt_long(argc, argv, ":o:h", long_options, NULL)) != -1) {
        *help = letter == 'h';
        if (*help) return CLI_OK;
        if (letter == ':') return cli_usage(command, "%s needs a value", argv[optind - 1]);
        if ((code = set_option(r, letter, optarg, argv)) != CLI_OK) return code;
    }
    for (int i = optind; i < argc && code == CLI_OK; i++) {
        if (argument_is_assignment(argv[i]))
            code = set_assignment(r, argv[i]);
        else if (!r->checkpoint)
            r->checkpoint = argv[i];
        else
            r->tasks[r->task_count++] = argv[i];
    }
    if (code == CLI_OK && r->task_count == 0) code = cli_usage(command, "name a checkpoint and a task");
    return code;
}

int command_fewshot(int argc, char **argv) {
    struct request r = {.options = ltm_fewshot_defaults(), .shot_count = 1};
    bool help = false;
    r.tasks = calloc((size_t)argc, sizeof *r.tasks);
    r.settings = calloc((size_t)argc, sizeof *r.settings);
    int code = r.tasks && r.settings ? read_arguments(&r, argc, argv, &help) : cli_no_memory();
    if (code == CLI_OK) code = help ? print_help() : run(&r);
    free(r.tasks);
    free(r.settings);
    return code;
}
