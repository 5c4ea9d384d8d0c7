/* ltm inspect */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "commands.h"
#include "ltm/inspect.h"
#include "ltm/printable.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm inspect PATH… [section.key=value …] [--json | --csv]\n"
    "\n"
    "Says what a checkpoint, run, corpus, shard, tokenizer, configuration (.ini) or safetensors file holds, and\n"
    "verifies checksums. For a file of puzzles (.jsonl): solves them and counts them by kind and difficulty; a puzzle without a\n"
    "solution, with several, or with a wrong one is an error that names its line. For a configuration, with the settings\n"
    "applied: the model's parameters and what training it needs.\n"
    "  --json                 print all of it as JSON\n"
    "  --csv                  for a run: print its log as CSV, one row per slow step or held-out scoring (heldout = 1)\n";

/* Text from a file must neither break the line nor control the terminal. */
static void print_text(const char *text) {
    char shown[4096]; /* the value of a configuration's key fits */
    fputs(ltm_printable(shown, sizeof shown, text), stdout);
}

/* 38363136 → "38363136 (38.4 M)"; other scalars as they are. */
static void print_scalar(const json_t *value) {
    double number = json_number_value(value);
    char quantity[32];
    cli_quantity(quantity, sizeof quantity, number);
    if (json_is_string(value))
        print_text(json_string_value(value));
    else if (json_is_integer(value) && number < 10000)
        printf("%lld", (long long)json_integer_value(value));
    else if (json_is_integer(value))
        printf("%lld (%s)", (long long)json_integer_value(value), quantity);
    else if (json_is_real(value) && number < 10000)
        printf("%.6g", number);
    else if (json_is_real(value))
        printf("%s", quantity);
    else
        printf("%s", json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "unknown");
}

/* "documents 1120, tokens 1094140 (1.09 M)" */
static void print_inline(const json_t *object) {
    const char *key;
    json_t *value;
    int i = 0;
    json_object_foreach((json_t *)object, key, value) {
        fputs(i++ ? ", " : "", stdout);
        print_text(key);
        putchar(' ');
        print_scalar(value);
    }
}

/* A line for each section: "  [fast]  steps = 16, lr = 0.3, …" */
static void print_configuration(const json_t *configuration) {
    const char *key;
    const char *section = "";
    size_t length = 0;
    json_t *value;
    puts("configuration");
    json_object_foreach((json_t *)configuration, key, value) {
        const char *dot = strrchr(key, '.');
        size_t this_length = dot ? (size_t)(dot - key) : 0;
        bool fresh = this_length != length || strncmp(section, key, length) != 0;
        if (fresh) printf("%s  [%.*s] ", *section ? "\n" : "", (int)this_length, key);
        section = key;
        length = this_length;
        if (json_is_string(value) && !*json_string_value(value)) continue;
        printf(" %s=", key + this_length + 1);
        if (json_is_string(value))
            print_text(json_string_value(value));
        else if (json_is_integer(value))
            printf("%lld", (long long)json_integer_value(value));
        else
            printf("%.15g", json_number_value(value));
    }
    putchar('\n');
}

static void print_tensors(const json_t *tensors) {
    size_t i;
    size_t j;
    json_t *tensor;
    json_t *dimension;
    printf("tensors               %zu\n", json_array_size(tensors));
    json_array_foreach((json_t *)tensors, i, tensor) {
        char name[256];
        printf("  %-48s %-5s (", ltm_printable(name, sizeof name, json_string_value(json_object_get(tensor, "name"))),
               json_string_value(json_object_get(tensor, "dtype")));
        json_array_foreach(json_object_get(tensor, "shape"), j, dimension)
            printf("%s%lld", j ? ", " : "", (long long)json_integer_value(dimension));
        puts(")");
    }
}

static void print_list(const char *key, const json_t *list) {
    size_t i;
    json_t *item;
    printf("%-21s", key);
    json_array_foreach((json_t *)list, i, item) {
        if (json_is_object(item)) {
            printf("%s", i ? "\n                      " : " ");
            print_inline(item);
        } else if (json_is_integer(item)) {
            printf(" %lld", (long long)json_integer_value(item)); /* a token id, not a count */
        } else {
            putchar(' ');
            print_scalar(item);
        }
    }
    putchar('\n');
}

static void print_readable(const json_t *all) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)all, key, value) {
        if (strcmp(key, "configuration") == 0)
            print_configuration(value);
        else if (strcmp(key, "tensors") == 0)
            print_tensors(value);
        else if (json_is_array(value))
            print_list(key, value);
        else {
            printf("%-21s ", key);
            if (json_is_object(value))
                print_inline(value);
            else
                print_scalar(value);
            putchar('\n');
        }
    }
}

/* Settings apply only to a configuration. */
static ltm_status inspect(char **text, const char *path, const struct cli_arguments *a, struct ltm_error *error) {
    struct ltm_config config;
    if (a->setting_count == 0) return ltm_inspect(path, text, error);
    ltm_config_defaults(&config);
    ltm_status status = ltm_config_load(&config, path, error);
    if (status == LTM_OK) status = arguments_override(&config, a->settings, a->setting_count, error);
    return status == LTM_OK ? ltm_inspect_config(&config, path, text, error) : status;
}

static int print_log(const struct cli_arguments *a) {
    struct ltm_error error = {0};
    char *text;
    if (a->path_count != 1 || a->setting_count) return cli_usage("inspect", "--csv prints the log of one run");
    if (ltm_log_csv(a->paths[0], &text, &error) != LTM_OK) return cli_fail(&error);
    fputs(text, stdout);
    free(text);
    return CLI_OK;
}

int command_inspect(int argc, char **argv) {
    bool json = false;
    bool csv = false;
    const struct cli_option options[] = {{"json", .on = &json}, {"csv", .on = &csv}, {0}};
    const struct command_line line = {"inspect", usage, NULL, options};
    struct cli_arguments a;
    const int code = options_read_all(&line, argc, argv, &a);
    if (code != CLI_GO_ON) return code;
    if (a.path_count == 0) return cli_usage("inspect", "name a path");
    if (csv) return print_log(&a);
    for (int i = 0; i < a.path_count; i++) {
        const char *path = a.paths[i];
        const size_t length = strlen(path);
        struct ltm_error error = {0};
        char *text;
        if (a.setting_count && (length < 4 || strcmp(path + length - 4, ".ini") != 0))
            return cli_usage("inspect", "%s applies only to a configuration (.ini), not to %s", a.settings[0], path);
        if (inspect(&text, path, &a, &error) != LTM_OK) return cli_fail(&error);
        json_t *all = json ? NULL : json_loads(text, 0, NULL);
        const bool whole = json || all;
        if (whole && i > 0) putchar('\n');
        if (all)
            print_readable(all);
        else if (whole)
            puts(text);
        json_decref(all);
        free(text);
        if (!whole) return cli_no_memory();
    }
    return CLI_OK;
}
