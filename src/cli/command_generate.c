/* ltm generate */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "arguments.h"
#include "commands.h"
#include "ltm/generate.h"
#include "ltm/names.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm generate CHECKPOINT [option …]\n"
    "\n"
    "Writes text as it comes. Without a prompt, latent thoughts are drawn from the prior; with one, they are fitted\n"
    "on the prompt alone. Options may also be written name=value; fast.KEY=value sets how the prompt is fitted.\n"
    "  --prompt TEXT          go on from this\n"
    "  --count N              samples (1)\n"
    "  --length N             tokens to add at most; 0 = as many as fit (0)\n"
    "  --temperature T        0 = always the likeliest token (0.8)\n"
    "  --top-k K              of the K likeliest tokens only; 0 = of all (0)\n"
    "  --top-p P              of the likeliest that make up this probability (0.95)\n"
    "  --seed N               (1)\n"
    "  --past-end             do not stop at the end of a document\n"
    "  --json                 print the samples as JSON, when all are there\n";

static const struct option long_options[] = {{"prompt", required_argument, NULL, 'P'},
                                             {"count", required_argument, NULL, 'n'},
                                             {"length", required_argument, NULL, 'l'},
                                             {"temperature", required_argument, NULL, 't'},
                                             {"top-k", required_argument, NULL, 'k'},
                                             {"top-p", required_argument, NULL, 'p'},
                                             {"seed", required_argument, NULL, 's'},
                                             {"past-end", no_argument, NULL, 'e'},
                                             {"json", no_argument, NULL, 'j'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static const char command[] = "generate";

static int set_int(const char *name, const char *text, int least, int *value) {
    long long number = 0;
    int code = option_number(command, name, text, least, INT_MAX, &number);
    *value = (int)number;
    return code;
}

static int set_count(const char *text, int64_t *value) {
    long long number = 0;
    int code = option_number(command, "--count", text, 1, UINT32_MAX, &number);
    *value = number;
    return code;
}

static int set_option(struct ltm_generate_options *options, const char **prompt, int letter, const char *value,
                      char **argv) {
    switch (letter) {
    case 'P':
        *prompt = value;
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
    case 'e':
        options->stop_at_end = false;
        return CLI_OK;
    default:
        return option_unknown(command, argv);
    }
}

static bool same_name(const char *option, const char *name, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (option[i] != (name[i] == '_' ? '-' : name[i])) return false;
    return option[length] == 0;
}

/* fast.steps=8 and the like wait for the model, whose configuration they change. */
struct fast_keys {
    char *assignments[32];
    int count;
};

/* top_k=40 as --top-k 40 */
static int set_assignment(struct ltm_generate_options *options, const char **prompt, struct fast_keys *keys,
                          char *assignment) {
    if (strncmp(assignment, "fast.", 5) == 0) {
        if (keys->count == (int)(sizeof keys->assignments / sizeof *keys->assignments))
            return cli_usage(command, "too many keys, from \"%s\" on", assignment);
        keys->assignments[keys->count++] = assignment;
        return CLI_OK;
    }
    size_t length = strcspn(assignment, "=");
    const char *names[16];
    size_t count = 0;
    for (const struct option *o = long_options; o->name; o++) {
        if (o->has_arg != required_argument) continue;
        if (same_name(o->name, assignment, length))
            return set_option(options, prompt, o->val, assignment + length + 1, NULL);
        names[count++] = o->name;
    }
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)length, assignment);
    const char *nearest = ltm_nearest_name(name, names, count);
    if (nearest) return cli_usage(command, "there is no option \"%s\"; did you mean %s?", name, nearest);
    return cli_usage(command, "there is no option \"%s\"", name);
}

/* Samples on their way out. */
struct output {
    const char *prompt;
    bool streams, at_line_begin; /* a single sample is printed as it comes */
    int64_t begun;
    json_t *samples; /* with --json */
    bool out_of_memory;
};

static void write_text(struct output *output, const char *text, size_t bytes) {
    if (bytes == 0) return;
    fwrite(text, 1, bytes, stdout);
    output->at_line_begin = text[bytes - 1] == '\n';
}

static void begin_sample(struct output *output) {
    if (output->begun++ > 0) write_text(output, "----\n", 5);
    if (output->prompt) write_text(output, output->prompt, strlen(output->prompt));
}

static bool on_text(void *user, const struct ltm_sample *sample, size_t fresh) {
    struct output *output = user;
    if (!output->begun) begin_sample(output);
    write_text(output, sample->text + sample->bytes - fresh, fresh);
    fflush(stdout);
    return !ferror(stdout);
}

/* Bytes of the UTF-8 character that begins here, 0 when none does. */
static size_t utf8_length(const unsigned char *c, size_t left) {
    size_t length = c[0] < 0x80                   ? 1
                    : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
                    : c[0] >= 0xe0 && c[0] < 0xf0 ? 3
                    : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
                                                  : 0;
    if (length == 0 || length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80) return 0;
    bool too_long = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool no_character = (c[0] == 0xed && c[1] >= 0xa0) || (c[0] == 0xf4 && c[1] >= 0x90);
    return length > 1 && (too_long || no_character) ? 0 : length;
}

/* A young model spells bytes that are no text; JSON must be: U+FFFD for each. */
static json_t *json_text(const char *text, size_t bytes) {
    char *clean = malloc(3 * bytes + 1);
    size_t used = 0;
    if (!clean) return NULL;
    for (size_t i = 0; i < bytes;) {
        size_t length = utf8_length((const unsigned char *)text + i, bytes - i);
        memcpy(clean + used, length ? text + i : "\xef\xbf\xbd", length ? length : 3);
        used += length ? length : 3;
        i += length ? length : 1;
    }
    json_t *string = json_stringn_nocheck(clean, used);
    free(clean);
    return string;
}

static bool on_sample(void *user, const struct ltm_sample *sample) {
    struct output *output = user;
    if (output->samples) {
        json_t *string = json_text(sample->text, sample->bytes);
        output->out_of_memory = !string || json_array_append_new(output->samples, string) != 0;
        return !output->out_of_memory;
    }
    if (!output->streams || !output->begun) begin_sample(output);
    if (!output->streams) write_text(output, sample->text, sample->bytes);
    if (!output->at_line_begin) write_text(output, "\n", 1);
    fflush(stdout);
    return !ferror(stdout);
}

/* The model's configuration with what the command line says of the fast loop. */
static ltm_status configure(struct ltm_config *config, const struct ltm_model *model, struct fast_keys *keys,
                            struct ltm_error *error) {
    *config = *ltm_model_config(model);
    ltm_status status = arguments_override(config, keys->assignments, keys->count, error);
    if (status == LTM_OK) status = ltm_config_check(config, error);
    if (status == LTM_OK) ltm_config_resolve(config);
    return status;
}

static int generate(const char *checkpoint, const char *prompt, struct ltm_generate_options *options,
                    struct fast_keys *keys, bool json) {
    struct ltm_error error = {0};
    struct ltm_model *model = NULL;
    struct output output = {.prompt = prompt, .at_line_begin = true, .streams = options->count == 1};
    struct ltm_config config;
    struct ltm_generate_hooks hooks = {.user = &output, .on_sample = on_sample};
    ltm_status status = ltm_model_open(&model, checkpoint, &error);
    if (status == LTM_OK) status = configure(&config, model, keys, &error);
    if (status == LTM_OK) {
        options->fast = &config.fast;
        if (prompt) {
            options->prompts = &prompt;
            options->prompt_count = 1;
        }
        if (json)
            output.samples = json_array();
        else if (output.streams)
            hooks.on_text = on_text;
        status = ltm_generate(model, options, &hooks, &error);
    }
    if (output.out_of_memory) {
        status = error.code = LTM_MEMORY;
        snprintf(error.message, sizeof error.message, "out of memory for a sample; leave --json out");
    }
    if (status == LTM_OK && json) {
        json_t *all = json_pack("{s:s?, s:O}", "prompt", prompt, "samples", output.samples);
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(all);
    }
    json_decref(output.samples);
    ltm_model_close(model);
    return status == LTM_OK ? CLI_OK : cli_fail(&error);
}

int command_generate(int argc, char **argv) {
    struct ltm_generate_options options = ltm_generate_defaults();
    struct fast_keys keys = {.count = 0};
    const char *checkpoint = NULL, *prompt = NULL;
    bool json = false;
    int letter, code = CLI_OK;
    while ((letter = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (letter == 'h') {
            fputs(usage, stdout);
            return CLI_OK;
        }
        if (letter == ':') return cli_usage(command, "%s needs a value", argv[optind - 1]);
        if (letter == 'j')
            json = true;
        else if ((code = set_option(&options, &prompt, letter, optarg, argv)) != CLI_OK)
            return code;
    }
    for (int i = optind; i < argc && code == CLI_OK; i++) {
        if (argument_is_assignment(argv[i]))
            code = set_assignment(&options, &prompt, &keys, argv[i]);
        else if (checkpoint)
            code = cli_usage(command, "one checkpoint at a time, not also \"%s\"", argv[i]);
        else
            checkpoint = argv[i];
    }
    if (code != CLI_OK) return code;
    if (!checkpoint) return cli_usage(command, "name a checkpoint's folder, or a run's");
    return generate(checkpoint, prompt, &options, &keys, json);
}
