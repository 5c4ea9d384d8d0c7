#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ltm/names.h"
#include "terminal.h"

bool argument_is_setting(const char *argument) {
    size_t name = strspn(argument, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return name > 0 && argument[0] != '-' && argument[name] == '=';
}

int arguments_paths_first(char **arguments, int count) {
    int paths = 0;
    for (int i = 0; i < count; i++) {
        char *path = arguments[i];
        if (argument_is_setting(path) && access(path, F_OK) != 0) continue;
        memmove(arguments + paths + 1, arguments + paths, (size_t)(i - paths) * sizeof *arguments);
        arguments[paths++] = path;
    }
    return paths;
}

ltm_status arguments_override(struct ltm_config *config, char **settings, int count, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (int i = 0; i < count && status == LTM_OK; i++) status = ltm_config_override(config, settings[i], error);
    return status;
}

ltm_status arguments_configure(struct ltm_config *config, char **settings, int count, struct ltm_error *error) {
    ltm_status status = arguments_override(config, settings, count, error);
    if (status == LTM_OK) status = ltm_config_check(config, error);
    if (status == LTM_OK) ltm_config_resolve(config);
    return status;
}

struct ltm_config arguments_checkpoint_config(const struct ltm_model *model) {
    struct ltm_config config = *ltm_model_config(model);
    config.run.threads = LTM_AUTO;
    config.run.precision = LTM_PRECISION_AUTO;
    config.eval.dump[0] = 0;
    config.fast.text_parts = 1; /* of training, as the next: other fast.steps need not fit them */
    config.encoder_target = LTM_ENCODER_TARGET_BOUND;
    /* Resolving replaced auto by a number: make it auto again, so that it follows fast.method and fast.*. */
    struct ltm_config probe = config;
    probe.fast.lr = LTM_AUTO;
    ltm_config_resolve(&probe);
    if (config.eval.fast_steps == config.fast.steps) config.eval.fast_steps = LTM_AUTO;
    if (config.eval.fast_lr == config.fast.lr) config.eval.fast_lr = LTM_AUTO;
    if (config.fast.lr == probe.fast.lr) config.fast.lr = LTM_AUTO;
    return config;
}

ltm_status arguments_open_model(struct ltm_model **model, struct ltm_config *config, const struct cli_arguments *a,
                                struct ltm_error *error) {
    const ltm_status status = ltm_model_open(model, a->paths[0], error);
    if (status != LTM_OK) return status;
    *config = arguments_checkpoint_config(*model);
    return arguments_configure(config, a->settings, a->setting_count, error);
}

bool arguments_key_wanted(const char *name, const char *const *prefixes) {
    for (; *prefixes; prefixes++)
        if (strncmp(name, *prefixes, strlen(*prefixes)) == 0) return true;
    return false;
}

/* Print the choices that the key's own help does not explain. */
static void print_choices(const char *key) {
    const char *help = NULL;
    const char *name;
    for (int i = 0; (name = ltm_config_choice(key, i, &help)); i++)
        if (help) printf("  %-22s   %s: %s\n", "", name, help);
}

void arguments_print_keys(const char *const *prefixes) {
    size_t count;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (!arguments_key_wanted(keys[i].name, prefixes)) continue;
        printf("  %-22s %s (%s)\n", keys[i].name, keys[i].help, *keys[i].fallback ? keys[i].fallback : "empty");
        print_choices(keys[i].name);
    }
}

enum { ROWS_MOST = 32, LONG_OPTION = 256, NAME_MOST = 64 };

int option_number(const char *command, const char *name, const char *text, double least, double most, int64_t *value) {
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    if (end != text && *end) { /* 10M, 1e6: as in configurations */
        const double unit = strcmp(end, "k") == 0 ? 1e3 : strcmp(end, "M") == 0 ? 1e6 : strcmp(end, "G") == 0 ? 1e9 : 0;
        const double number = unit > 0 ? (double)*value * unit : strtod(text, &end);
        if (unit > 0) end += 1;
        if (number != floor(number) || fabs(number) > 9e15)
            return cli_usage(command, "%s needs a whole number, not \"%s\"", name, text);
        *value = (int64_t)number;
    }
    if (end == text || *end) return cli_usage(command, "%s needs a whole number, not \"%s\"", name, text);
    if (errno || (double)*value < least || (double)*value > most)
        return cli_usage(command, "%s %s is out of range: %.0f to %.0f", name, text, least, most);
    return CLI_OK;
}

int option_real(const char *command, const char *name, const char *text, double least, double most, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (end == text || *end) return cli_usage(command, "%s needs a number, not \"%s\"", name, text);
    if (!(*value >= least && *value <= most))
        return cli_usage(command, "%s %s is out of range: %g to %g", name, text, least, most);
    return CLI_OK;
}

int option_seed(const char *command, const char *text, uint64_t *value) {
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (end == text || *end || errno || *text == '-')
        return cli_usage(command, "--seed needs a whole number from 0 to 18446744073709551615, not \"%s\"", text);
    return CLI_OK;
}

static bool takes_value(const struct cli_option *o) { return !o->on && !o->off; }

static int take(const char *command, const struct cli_option *o, const char *text) {
    char name[NAME_MOST];
    int64_t number = LTM_AUTO;
    int code = CLI_OK;
    snprintf(name, sizeof name, "--%s", o->name);
    if (o->on) *o->on = true;
    if (o->off) *o->off = false;
    if (o->text) *o->text = text;
    if (o->take) code = o->take(o->user, text);
    if (o->seed) code = option_seed(command, text, o->seed);
    if (o->real) code = option_real(command, name, text, o->least, o->most, o->real);
    if ((o->number || o->large) && !(o->may_be_auto && strcmp(text, "auto") == 0))
        code = option_number(command, name, text, o->least, o->most, &number);
    if (o->number && code == CLI_OK) *o->number = (int)number;
    if (o->large && code == CLI_OK) *o->large = number;
    return code;
}

static int print_help(const struct command_line *line) {
    fputs(line->usage, stdout);
    if (line->keys) arguments_print_keys(line->keys);
    return CLI_OK;
}

static int unknown(const char *command, char **argv) {
    const char *word = argv[optind - 1];
    if (!optopt) return cli_usage(command, "there is no option %s", word);
    if (word[0] == '-' && word[1] == '-') return cli_usage(command, "%s: this option takes no value", word);
    return cli_usage(command, "there is no option -%c", optopt);
}

int options_read(const struct command_line *line, int argc, char **argv) {
    struct option rows[ROWS_MOST + 2] = {{"help", no_argument, NULL, 'h'}};
    char letters[] = ":h\0\0"; /* ':': getopt prints no errors */
    int count = 0;
    int letter;
    for (const struct cli_option *o = line->options; o->name && count < ROWS_MOST; o++, count++) {
        rows[count + 1] = (struct option){o->name, takes_value(o), NULL, LONG_OPTION + count};
        if (o->letter) memcpy(letters + 2, (char[]){o->letter, ':'}, 2);
    }
    while ((letter = getopt_long(argc, argv, letters, rows, NULL)) != -1) {
        if (letter == 'h') return print_help(line);
        if (letter == ':') return cli_usage(line->command, "%s needs a value", argv[optind - 1]);
        if (letter == '?') return unknown(line->command, argv);
        const struct cli_option *o = line->options;
        while (letter < LONG_OPTION ? o->letter != letter : o != line->options + letter - LONG_OPTION) o++;
        int code = take(line->command, o, optarg);
        if (code != CLI_OK) return code;
    }
    return CLI_GO_ON;
}

/* Whether `name` names the option, with _ allowed for -. */
static bool is_named(const char *option, const char *name) {
    for (; *name; option++, name++)
        if (*option != (*name == '_' ? '-' : *name)) return false;
    return !*option;
}

static int take_as_option(const struct command_line *line, const char *name, const char *value) {
    const char *names[ROWS_MOST];
    size_t count = 0;
    for (const struct cli_option *o = line->options; o->name && count < ROWS_MOST; o++) {
        if (!takes_value(o)) continue;
        if (is_named(o->name, name)) return take(line->command, o, value);
        names[count++] = o->name;
    }
    const char *nearest = ltm_nearest_name(name, names, count);
    if (nearest) return cli_usage(line->command, "there is no option \"%s\"; did you mean %s?", name, nearest);
    return cli_usage(line->command, "there is no option \"%s\"", name);
}

static int refuse_key(const struct command_line *line, const char *name) {
    char keys[256] = "";
    for (const char *const *key = line->keys; *key; key++) {
        const size_t used = strlen(keys);
        snprintf(keys + used, sizeof keys - used, "%s%s%s", used ? ", " : "", *key,
                 (*key)[strlen(*key) - 1] == '.' ? "*" : "");
    }
    return cli_usage(line->command, "%s has no effect here; use one of these keys: %s", name, keys);
}

static int take_setting(const struct command_line *line, const char *setting) {
    char name[NAME_MOST];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(setting, "="), setting);
    if (strchr(name, '.')) return refuse_key(line, name);
    return take_as_option(line, name, strchr(setting, '=') + 1);
}

int options_read_all(const struct command_line *line, int argc, char **argv, struct cli_arguments *a) {
    int code = options_read(line, argc, argv);
    const int count = argc - optind;
    *a = (struct cli_arguments){.paths = argv + optind, .path_count = arguments_paths_first(argv + optind, count)};
    a->settings = a->paths + a->path_count;
    for (int i = 0; i < count - a->path_count && code == CLI_GO_ON; i++) {
        if (!line->keys || arguments_key_wanted(a->settings[i], line->keys))
            a->settings[a->setting_count++] = a->settings[i];
        else if ((code = take_setting(line, a->settings[i])) == CLI_OK)
            code = CLI_GO_ON;
    }
    return code;
}
