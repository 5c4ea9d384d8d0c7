/* ltm generate */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "commands.h"
#include "eval_print.h"
#include "generate_interactive.h"
#include "generate_output.h"
#include "ltm/generate.h"
#include "ltm/names.h"
#include "ltm/processes.h"
#include "ltm/samples.h"
#include "options.h"
#include "signals.h"
#include "terminal.h"
#include "text_io.h"

static const char usage[] =
    "usage: ltm generate CHECKPOINT [option …]\n"
    "\n"
    "Writes text. Without a prompt, latents are drawn from the prior; with a prompt, they are fitted on the prompt only;\n"
    "streaming latents move with the text that is read and written. Samples are written in batches; a sample's text depends\n"
    "only on its prompt, number and seed.\n"
    "  --prompt TEXT          continue this text; a space at its end is moved to the first new token if the tokenizer allows\n"
    "  --prompts FILE         continue each line of a text file, or of a .jsonl the string under --field\n"
    "  --field NAME           (prompt)\n"
    "  --z-only               the prompt gives z alone: the sample begins a document and cannot see the prompt\n"
    "  --z WHICH              fitted latents: each = a draw for each sample, one = one draw for all samples of a prompt (that\n"
    "                         of the first), mean = no draw but the posterior's mean, 0 without a prompt (each)\n"
    "  --count N              samples, of each prompt (1)\n"
    "  --length N             most tokens to add; 0 = as many as fit after the prompt into model.sequence, with --z-only\n"
    "                         model.sequence (0). With more, the text slides: its newest half is read again, the rest is\n"
    "                         forgotten; fitted latents stay, streaming latents have read it\n"
    "                         (a model with model.memory and no latents does not slide: its memory holds older text)\n"
    "  --stop TEXT            end before this text; may be given several times\n"
    "  --crop                 keep only the end of a prompt that does not fit into model.sequence, instead of refusing it (or,\n"
    "                         for a model with streaming latents, or with model.memory and no latents, of reading all of it)\n"
    "  --temperature T        0 = always the most likely token (0.8)\n"
    "  --top-k K              sample from the K most likely tokens; 0 = from all (0)\n"
    "  --top-p P              sample from the most likely tokens that make up this probability (0.95)\n"
    "  --seed N               (1)\n"
    "  --past-end             do not stop at the end of a document\n"
    "  --threads N            (one per core)\n"
    "  --precision P          of the weights: fp32, bf16 (half the bytes, so faster), or auto, as trained (auto)\n"
    "  --batch N              samples that a thread writes at a time; affects speed, not text (auto)\n"
    "  --interactive          write in turns with a person or a pipe: a line in, text out, z kept; /help says more\n"
    "  --state FILE           resume the session in this file, if it exists, and save it there at the end: with --interactive,\n"
    "                         for a model with a memory (model.memory) and no latents\n"
    "What comes out:\n"
    "  --json                 one line of JSON per sample, when it is done: prompt, text, tokens, log p, depth, finish (length, end of\n"
    "                         a document, stop), cropped (tokens that --crop dropped)\n"
    "  -o, --output FILE      write such lines to FILE, replacing it\n"
    "  --stats                add statistics: distinct-n, entropy, repetition (with --json as a last line)\n"
    "  --judge CHECKPOINT     add the samples' bound and perplexity under this model and its own tokenizer\n"
    "Options may also be written name=value.\n"
    "\n"
    "If layers run in loops, eval.exit = state or kl lets each token leave them once its state, or its prediction, has settled.\n"
    "It then runs no further loops; later tokens read the keys and values of its last loop.\n"
    "\n"
    "Keys for fitting prompts and leaving loops (and their defaults; those of [fast] are the checkpoint's):\n";

static const char command[] = "generate";

/* ---- Statistics of samples, as a table or as JSON ---- */

struct generate_stats {
    struct ltm_text_statistics texts;
    int64_t tokens; /* those that the model wrote, and their log p */
    double log_p;
    double loops;      /* run by those tokens */
    const char *judge; /* its path, or NULL */
    struct ltm_judgement judgement;
};

enum { NAME = 50 };

static void print_number(const char *name, double value, int digits, const char *unit) {
    if (isfinite(value)) printf("%-*s  %.*f%s\n", NAME, name, digits, value, unit);
}

static void generate_stats_print(const struct generate_stats *stats) {
    const struct ltm_text_statistics *t = &stats->texts;
    char name[32];
    printf("%lld sample%s: %lld tokens, %lld words, %lld bytes\n\n", (long long)t->texts, ltm_plural(t->texts),
           (long long)stats->tokens, (long long)t->words, (long long)t->bytes);
    for (int n = 0; n < 4; n++) {
        snprintf(name, sizeof name, "distinct-%d", n + 1);
        print_number(name, t->distinct[n], 4, "");
    }
    print_number("entropy of the words", t->entropy, 3, " bits a word");
    print_number("4-grams repeated within a sample", 100 * t->repeated, 2, " %");
    print_number("longest passage that occurs twice in a sample", (double)t->longest_repeat, 0, " words");
    print_number("log p under the model, given z and prompt", stats->log_p / (double)stats->tokens, 4, " nats a token");
    if (stats->loops != (double)stats->tokens) /* equal without a looped core */
        print_number("loops of the core, a token", stats->loops / (double)stats->tokens, 3, "");
    if (stats->judge) {
        const struct ltm_judgement *j = &stats->judgement;
        putchar('\n');
        cli_print_line(stdout, "under %s: %lld tokens, including prompts", stats->judge, (long long)j->tokens);
        eval_print_measure_heading();
        eval_print_measure("recon", &j->recon, true);
        eval_print_measure("KL to the prior", &j->kl, false);
        eval_print_measure("bound: negative ELBO", &j->bound, true);
    }
    fflush(stdout);
}

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *generate_stats_json(const struct generate_stats *stats) {
    const struct ltm_text_statistics *t = &stats->texts;
    json_t *json =
        json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:o, s:o}", "samples", (json_int_t)t->texts, "tokens",
                  (json_int_t)stats->tokens, "words", (json_int_t)t->words, "bytes", (json_int_t)t->bytes,
                  "entropy_bits_per_word", number(t->entropy), "repeated_4_grams", number(t->repeated),
                  "longest_repeat_words", (json_int_t)t->longest_repeat, "log_p_per_token",
                  number(stats->log_p / (double)stats->tokens), "depth", number(stats->loops / (double)stats->tokens));
    json_t *distinct = json_array();
    for (int n = 0; n < 4; n++) json_array_append_new(distinct, number(t->distinct[n]));
    json_object_set_new(json, "distinct", distinct);
    if (stats->judge) {
        const struct ltm_judgement *j = &stats->judgement;
        json_t *judge = json_pack("{s:s, s:I, s:I}", "checkpoint", stats->judge, "tokens", (json_int_t)j->tokens,
                                  "bytes", (json_int_t)j->bytes);
        eval_add_measure(judge, "recon", &j->recon);
        eval_add_measure(judge, "kl", &j->kl);
        eval_add_measure(judge, "bound", &j->bound);
        json_object_set_new(json, "judge", judge);
    }
    return json;
}

/* ---- Samples ---- */

enum { STOPS_MOST = 64 };

struct request {
    const char *stops[STOPS_MOST];
    const char *prompt, *prompts, *field, *output, *judge, *state;
    bool json, stats, interactive;
    struct ltm_generate_options options;
    struct cli_arguments arguments; /* the checkpoint, and settings */
};

static int take_precision(void *user, const char *text) {
    static const char *const names[] = {"auto", "fp32", "bf16"};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *(int *)user = i;
            return CLI_OK;
        }
    return cli_usage(command, "--precision takes auto, fp32 or bf16, not \"%s\"", text);
}

static int take_draws(void *user, const char *text) {
    static const char *const names[] = {"each", "one", "mean"}; /* enum ltm_draws */
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *(int *)user = i;
            return CLI_OK;
        }
    return cli_usage(command, "--z takes each, one or mean, not \"%s\"", text);
}

static int take_stop(void *user, const char *text) {
    struct request *r = user;
    if (r->options.stop_count == STOPS_MOST)
        return cli_usage(command, "--stop may be given at most %d times", STOPS_MOST);
    if (!*text) return cli_usage(command, "--stop is empty; give the text to stop at");
    r->stops[r->options.stop_count++] = text;
    r->options.stops = r->stops;
    return CLI_OK;
}

/* The configuration that a model was trained with, with the command line's changes. */
static ltm_status configure(struct ltm_config *config, const struct ltm_model *model, const struct request *r,
                            struct ltm_error *error) {
    *config = arguments_checkpoint_config(model);
    return arguments_configure(config, r->arguments.settings, r->arguments.setting_count, error);
}

/* Write the samples; a hook that stopped the work says why in `output`. */
static ltm_status write_samples(const struct ltm_model *model, const struct ltm_generate_options *options,
                                struct generate_output *output, struct ltm_error *error) {
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    struct ltm_generate_hooks hooks = {
        .user = output, .on_sample = generate_on_sample, .watch = &watch, .stop = cli_catch_interrupts(NULL, true)};
    if (output->streams) hooks.on_text = generate_on_text;
    if (output->streams || (!output->path && isatty(STDOUT_FILENO)))
        watch.progress = NULL; /* a bar would appear in the middle of the text */
    ltm_status status = ltm_generate(model, options, &hooks, error);
    cli_bar_end(&bar);
    if (!generate_output_close(output)) {
        status = error->code = LTM_IO;
        snprintf(error->message, sizeof error->message, "%s", output->problem);
    }
    if (status == LTM_INTERRUPTED)
        snprintf(error->message, sizeof error->message, "interrupted: %lld sample%s written completely%s%s",
                 (long long)output->written, output->written == 1 ? " was" : "s were", output->path ? ", to " : "",
                 output->path ? output->path : "");
    return status;
}

static ltm_status print_stats(const struct request *r, const struct ltm_model *judge,
                              const struct generate_output *output, struct ltm_error *error) {
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    struct generate_stats stats = {
        .tokens = output->tokens, .log_p = output->log_p, .loops = output->loops, .judge = r->judge};
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
    if (status == LTM_OK) status = ltm_model_open(&model, r->arguments.paths[0], &error);
    if (status == LTM_OK && r->judge) status = ltm_model_open(&judge, r->judge, &error); /* fail now, not at the end */
    if (status == LTM_OK) status = configure(&config, model, r, &error);
    if (status == LTM_OK && !generate_output_try(&output)) {
        status = error.code = LTM_IO;
        snprintf(error.message, sizeof error.message, "%s", output.problem);
    }
    status = ltm_processes_agree(status, &error);
    if (status == LTM_OK) {
        r->options.fast = &config.fast;
        r->options.exit = config.eval.exit;
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
    r->options.fast = NULL; /* it pointed to a local variable */
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
    ltm_status status = ltm_model_open(&model, r->arguments.paths[0], &error);
    if (status == LTM_OK) status = configure(&config, model, r, &error);
    int code;
    if (status == LTM_OK) {
        r->options.fast = &config.fast;
        r->options.exit = config.eval.exit;
        code = generate_interactive(model, &r->options, r->prompt, r->state, cli_catch_interrupts(NULL, false));
        r->options.fast = NULL;
    } else
        code = cli_fail(&error);
    ltm_model_close(model);
    return code;
}

int command_generate(int argc, char **argv) {
    static const char *const keys[] = {"fast.", "eval.exit", NULL};
    struct request r = {.options = ltm_generate_defaults()};
    struct ltm_generate_options *o = &r.options;
    const struct cli_option options[] = {
        {"prompt", .text = &r.prompt},
        {"prompts", .text = &r.prompts},
        {"field", .text = &r.field},
        {"z-only", .on = &o->z_only},
        {"z", .take = take_draws, .user = &o->draws},
        {"count", .large = &o->count, .least = 1, .most = UINT32_MAX},
        {"length", .number = &o->length, .least = 0, .most = INT_MAX},
        {"temperature", .real = &o->temperature, .least = 0, .most = 100},
        {"top-k", .number = &o->top_k, .least = 0, .most = INT_MAX},
        {"stop", .take = take_stop, .user = &r},
        {"crop", .on = &o->crop},
        {"top-p", .real = &o->top_p, .least = 0, .most = 1},
        {"seed", .seed = &o->seed},
        {"threads", .number = &o->threads, .may_be_auto = true, .least = 1, .most = OPTION_THREADS_MOST},
        {"precision", .take = take_precision, .user = &o->precision},
        {"batch", .number = &o->batch, .may_be_auto = true, .least = 1, .most = INT_MAX},
        {"output", .letter = 'o', .text = &r.output},
        {"judge", .text = &r.judge},
        {"state", .text = &r.state},
        {"past-end", .off = &o->stop_at_end},
        {"interactive", .on = &r.interactive},
        {"json", .on = &r.json},
        {"stats", .on = &r.stats},
        {0}};
    const struct command_line line = {command, usage, keys, options};
    const int code = options_read_all(&line, argc, argv, &r.arguments);
    if (code != CLI_GO_ON) return code;
    if (r.arguments.path_count == 0) return cli_usage(command, "name a checkpoint's folder, or a run's");
    if (r.arguments.path_count > 1)
        return cli_usage(command, "one checkpoint at a time, not also \"%s\"", r.arguments.paths[1]);
    r.stats = r.stats || r.judge;
    if (r.prompt && r.prompts) return cli_usage(command, "use either --prompt or --prompts, not both");
    if (r.field && !r.prompts) return cli_usage(command, "--field works only with --prompts FILE");
    if (o->z_only && !r.prompt && !r.prompts)
        return cli_usage(command, "--z-only works only with --prompt or --prompts");
    if (r.interactive && (o->z_only || o->draws))
        return cli_usage(command, "--interactive has its own way with z (/help): not with --z or --z-only");
    if (r.interactive && (r.prompts || r.output || r.json || r.stats || o->crop || o->count > 1))
        return cli_usage(
            command, "--interactive writes one text in turns: not with --prompts, --count, --crop, --json, --output, "
                     "--stats or --judge");
    if (r.state && !r.interactive) return cli_usage(command, "--state keeps the session of --interactive");
    if (r.interactive && ltm_processes_launched_rank() > 0) return CLI_OK; /* one talks */
    return r.interactive ? interact(&r) : generate(&r);
}
