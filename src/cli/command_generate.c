/* ltm generate */
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "arguments.h"
#include "commands.h"
#include "generate_interactive.h"
#include "generate_output.h"
#include "generate_stats.h"
#include "json_output.h"
#include "ltm/generate.h"
#include "ltm/names.h"
#include "ltm/processes.h"
#include "ltm/samples.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm generate CHECKPOINT [option …]\n"
    "\n"
    "Writes text. Without a prompt, latent thoughts are drawn from the prior; with one, they are fitted on the prompt\n"
    "alone. Many samples are written at once; a sample's text depends on its prompt, number and seed, not on that.\n"
    "  --prompt TEXT          go on from this\n"
    "  --prompts FILE         go on from each line of a text file, or of a .jsonl the string under --field\n"
    "  --field NAME           (prompt)\n"
    "  --count N              samples, of each prompt (1)\n"
    "  --length N             tokens to add at most; 0 = as many as fit (0)\n"
    "  --temperature T        0 = always the likeliest token (0.8)\n"
    "  --top-k K              of the K likeliest tokens only; 0 = of all (0)\n"
    "  --top-p P              of the likeliest that make up this probability (0.95)\n"
    "  --seed N               (1)\n"
    "  --past-end             do not stop at the end of a document\n"
    "  --threads N            (one a core)\n"
    "  --precision P          of the weights: fp32, bf16 (half the bytes, so faster), or auto, as trained (auto)\n"
    "  --batch N              samples that a thread has under way: changes speed, not text (auto)\n"
    "  --interactive          write in turns with a person or a pipe: a line in, text out, z kept; /help says more\n"
    "What comes out:\n"
    "  --json                 a line of JSON a sample, as they are done: prompt, text, tokens, log p\n"
    "  -o, --output FILE      such lines into FILE; what is there is replaced\n"
    "  --stats                then statistics: distinct-n, entropy, repetition (with --json as a last line)\n"
    "  --judge CHECKPOINT     with the samples' bound and perplexity under this model and its own tokenizer\n"
    "Options may also be written name=value; fast.KEY=value sets how prompts are fitted.\n";

static const struct option long_options[] = {{"prompt", required_argument, NULL, 'P'},
                                             {"prompts", required_argument, NULL, 'f'},
                                             {"field", required_argument, NULL, 'F'},
                                             {"count", required_argument, NULL, 'n'},
                                             {"length", required_argument, NULL, 'l'},
                                             {"temperature", required_argument, NULL, 't'},
                                             {"top-k", required_argument, NULL, 'k'},
                                             {"top-p", required_argument, NULL, 'p'},
                                             {"seed", required_argument, NULL, 's'},
                                             {"threads", required_argument, NULL, 'T'},
                                             {"precision", required_argument, NULL, 'B'},
                                             {"batch", required_argument, NULL, 'b'},
                                             {"output", required_argument, NULL, 'o'},
                                             {"judge", required_argument, NULL, 'J'},
                                             {"past-end", no_argument, NULL, 'e'},
                                             {"interactive", no_argument, NULL, 'i'},
                                             {"json", no_argument, NULL, 'j'},
                                             {"stats", no_argument, NULL, 'S'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static const char command[] = "generate";

/* fast.steps=8 and the like wait for the model, whose configuration they change. */
struct fast_keys {
    char *assignments[32];
    int count;
};

struct request {
    const char *checkpoint, *prompt, *prompts, *field, *output, *judge;
    bool json, stats, interactive;
    struct ltm_generate_options options;
    struct fast_keys keys;
};

static int set_int(const char *name, const char *text, int least, int *value) {
    long long number = 0;
    int code = option_number(command, name, text, least, INT_MAX, &number);
    *value = (int)number;
    return code;
}

/* A number, or auto. */
static int set_int_or_auto(const char *name, const char *text, int most, int *value) {
    long long number = LTM_AUTO;
    int code = strcmp(text, "auto") == 0 ? CLI_OK : option_number(command, name, text, 1, most, &number);
    *value = (int)number;
    return code;
}

static int set_count(const char *text, int64_t *value) {
    long long number = 0;
    int code = option_number(command, "--count", text, 1, UINT32_MAX, &number);
    *value = number;
    return code;
}

static int set_precision(const char *text, int *value) {
    static const char *const names[] = {"auto", "fp32", "bf16"};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *value = i;
            return CLI_OK;
        }
    return cli_usage(command, "--precision is auto, fp32 or bf16, not \"%s\"", text);
}

static int set_option(struct request *r, int letter, const char *value, char **argv) {
    struct ltm_generate_options *options = &r->options;
    switch (letter) {
    case 'P':
        r->prompt = value;
        return CLI_OK;
    case 'f':
        r->prompts = value;
        return CLI_OK;
    case 'F':
        r->field = value;
        return CLI_OK;
    case 'o':
        r->output = value;
        return CLI_OK;
    case 'J':
        r->judge = value;
        r->stats = true;
        return CLI_OK;
    case 'j':
        r->json = true;
        return CLI_OK;
    case 'S':
        r->stats = true;
        return CLI_OK;
    case 'i':
        r->interactive = true;
        return CLI_OK;
    case 'e':
        options->stop_at_end = false;
        return CLI_OK;
    case 'n':
        return set_count(value, &options->count);
    case 'l':
        return set_int("--length", value, 0, &options->length);
    case 't':
        return option_real(command, "--temperature", value, 0, 100, &options->temperature);
    case 'k':
        return set_int("--top-k", value, 0, &options->top_k);
    case 'p':
        return option_real(command, "--top-p", value, 0, 1, &options->top_p);
    case 's':
        return option_seed(command, value, &options->seed);
    case 'T':
        return set_int_or_auto("--threads", value, OPTION_THREADS_MOST, &options->threads);
    case 'B':
        return set_precision(value, &options->precision);
    case 'b':
        return set_int_or_auto("--batch", value, INT_MAX, &options->batch);
    default:
        return option_unknown(command, argv);
    }
}

/* top_k=40 as --top-k 40 */
static int set_assignment(struct request *r, char *assignment) {
    struct fast_keys *keys = &r->keys;
    if (strncmp(assignment, "fast.", 5) == 0) {
        if (keys->count == (int)(sizeof keys->assignments / sizeof *keys->assignments))
            return cli_usage(command, "too many keys, from \"%s\" on", assignment);
        keys->assignments[keys->count++] = assignment;
        return CLI_OK;
    }
    size_t length = strcspn(assignment, "=");
    const char *names[sizeof long_options / sizeof *long_options];
    size_t count = 0;
    for (const struct option *o = long_options; o->name; o++) {
        if (o->has_arg != required_argument) continue;
        if (option_is_named(o->name, assignment, length)) return set_option(r, o->val, assignment + length + 1, NULL);
        names[count++] = o->name;
    }
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)length, assignment);
    const char *nearest = ltm_nearest_name(name, names, count);
    if (nearest) return cli_usage(command, "there is no option \"%s\"; did you mean %s?", name, nearest);
    return cli_usage(command, "there is no option \"%s\"", name);
}

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    if (stop && number == SIGXCPU) return;
    if (stop) _exit(CLI_INTERRUPTED);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED); /* on whatever thread; others read it */
}

/* Where a person types, an interrupt must end the wait for the next line. */
static void catch_signals(bool restart) { cli_catch_stops(on_signal, restart ? SA_RESTART : 0); }

/* The configuration that a model was trained with, as the command line changes it. */
static ltm_status configure(struct ltm_config *config, const struct ltm_model *model, struct fast_keys *keys,
                            struct ltm_error *error) {
    *config = *ltm_model_config(model);
    ltm_status status = arguments_override(config, keys->assignments, keys->count, error);
    if (status == LTM_OK) status = ltm_config_check(config, error);
    if (status == LTM_OK) ltm_config_resolve(config);
    return status;
}

/* How samples were written; a hook that stopped the work says why in `output`. */
static ltm_status write_samples(const struct ltm_model *model, const struct ltm_generate_options *options,
                                struct generate_output *output, struct ltm_error *error) {
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    struct ltm_generate_hooks hooks = {.user = output, .on_sample = generate_on_sample, .stop = &stop};
    if (output->streams)
        hooks.on_text = generate_on_text;
    else if (output->path || !isatty(STDOUT_FILENO)) /* a bar would stand amid the text */
        hooks.watch = &watch;
    catch_signals(true);
    ltm_status status = ltm_generate(model, options, &hooks, error);
    cli_bar_end(&bar);
    if (!generate_output_close(output)) {
        status = error->code = LTM_IO;
        snprintf(error->message, sizeof error->message, "%s", output->problem);
    }
    if (status == LTM_INTERRUPTED)
        snprintf(error->message, sizeof error->message, "interrupted: %lld sample%s written, each whole%s%s",
                 (long long)output->written, output->written == 1 ? " was" : "s were", output->path ? ", to " : "",
                 output->path ? output->path : "");
    return status;
}

static ltm_status print_stats(const struct request *r, const struct ltm_model *judge,
                              const struct generate_output *output, struct ltm_error *error) {
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    struct generate_stats stats = {.tokens = output->tokens, .log_p = output->log_p, .judge = r->judge};
    ltm_status status = ltm_text_statistics(output->texts, (size_t)output->written, &stats.texts, error);
    if (status == LTM_OK && judge) {
        struct ltm_config config = *ltm_model_config(judge);
        config.run.threads = r->options.threads;
        status = ltm_judge(judge, output->texts, (size_t)output->written, &config, &watch, &stats.judgement, error);
        cli_bar_end(&bar);
    }
    if (status != LTM_OK) return status;
    if (r->json) return cli_print_json_line(json_pack("{s:o}", "statistics", generate_stats_json(&stats)), 9);
    if (!r->output) puts("----");
    generate_stats_print(&stats);
    return LTM_OK;
}

static int generate(struct request *r) {
    struct ltm_error error = {0};
    struct ltm_model *model = NULL;
    struct ltm_model *judge = NULL;
    struct ltm_prompts prompts = {0};
    struct ltm_config config;
    struct generate_output output = {
        .options = &r->options, .path = r->output, .json = r->json, .keeps = r->stats, .at_line_begin = true};
    ltm_status status = cli_join(&error);
    if (status != LTM_OK) return cli_fail(&error);
    if (ltm_processes_rank() > 0) output.path = NULL; /* the first writes */
    if (r->prompts) status = ltm_prompts_read(&prompts, r->prompts, r->field, &error);
    if (status == LTM_OK) status = ltm_model_open(&model, r->checkpoint, &error);
    if (status == LTM_OK && r->judge) status = ltm_model_open(&judge, r->judge, &error); /* no surprise at the end */
    if (status == LTM_OK) status = configure(&config, model, &r->keys, &error);
    status = ltm_processes_agree(status, &error);
    if (status == LTM_OK) {
        r->options.fast = &config.fast;
        if (r->prompts) {
            r->options.prompts = (const char *const *)prompts.texts;
            r->options.prompt_count = prompts.count;
        } else if (r->prompt) {
            r->options.prompts = &r->prompt;
            r->options.prompt_count = 1;
        }
        output.streams = !r->json && !r->output && r->options.count == 1 && prompts.count <= 1;
        status = write_samples(model, &r->options, &output, &error);
    }
    if (status == LTM_OK && r->stats && ltm_processes_rank() == 0) status = print_stats(r, judge, &output, &error);
    r->options.fast = NULL; /* was of this function's own */
    generate_output_free(&output);
    ltm_prompts_free(&prompts);
    ltm_model_close(model);
    ltm_model_close(judge);
    return status == LTM_OK ? CLI_OK : cli_fail(&error);
}

static int interact(struct request *r) {
    struct ltm_error error = {0};
    struct ltm_model *model = NULL;
    struct ltm_config config;
    ltm_status status = ltm_model_open(&model, r->checkpoint, &error);
    if (status == LTM_OK) status = configure(&config, model, &r->keys, &error);
    int code;
    if (status == LTM_OK) {
        r->options.fast = &config.fast;
        catch_signals(false);
        code = generate_interactive(model, &r->options, r->prompt, &stop);
        r->options.fast = NULL;
    } else
        code = cli_fail(&error);
    ltm_model_close(model);
    return code;
}

int command_generate(int argc, char **argv) {
    struct request r = {.options = ltm_generate_defaults()};
    int letter;
    int code = CLI_OK;
    while ((letter = getopt_long(argc, argv, ":ho:", long_options, NULL)) != -1) {
        if (letter == 'h') {
            fputs(usage, stdout);
            return CLI_OK;
        }
        if (letter == ':') return cli_usage(command, "%s needs a value", argv[optind - 1]);
        if ((code = set_option(&r, letter, optarg, argv)) != CLI_OK) return code;
    }
    for (int i = optind; i < argc && code == CLI_OK; i++) {
        if (argument_is_assignment(argv[i]))
            code = set_assignment(&r, argv[i]);
        else if (r.checkpoint)
            code = cli_usage(command, "one checkpoint at a time, not also \"%s\"", argv[i]);
        else
            r.checkpoint = argv[i];
    }
    if (code != CLI_OK) return code;
    if (!r.checkpoint) return cli_usage(command, "name a checkpoint's folder, or a run's");
    if (r.prompt && r.prompts) return cli_usage(command, "either --prompt or --prompts, not both");
    if (r.field && !r.prompts) return cli_usage(command, "--field names what holds a prompt in --prompts FILE");
    if (r.interactive && (r.prompts || r.output || r.json || r.stats || r.options.count > 1))
        return cli_usage(command,
                         "--interactive writes one text in turns: not with --prompts, --count, --json, --output, "
                         "--stats or --judge");
    if (r.interactive && ltm_processes_launched_rank() > 0) return CLI_OK; /* one talks */
    return r.interactive ? interact(&r) : generate(&r);
}
