/* A command's options, one row each, and its arguments: paths and settings (name=value) in any order.
 *
 *     const struct cli_option options[] = {{"output", .letter = 'o', .text = &path},
 *                                          {"threads", .number = &threads, .least = 1, .most = OPTION_THREADS_MOST},
 *                                          {"json", .on = &json},
 *                                          {0}};
 *     const struct command_line line = {"eval", usage, keys, options};
 *     int code = options_read(&line, argc, argv);
 *     if (code != CLI_GO_ON) return code;
 *
 * What is wrong is printed, and CLI_USAGE returned. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/model.h"

enum { OPTION_THREADS_MOST = 4096 };

/* One of the pointers says what the option takes, and where it goes. */
struct cli_option {
    const char *name; /* --name; NULL ends the rows */
    bool *on, *off;   /* no value: set to true, to false */
    const char **text;
    int *number; /* whole, from `least` to `most`; 10M and 1e6 too */
    int64_t *large;
    double *real;
    uint64_t *seed; /* any */
    double least, most;
    int (*take)(void *user, const char *text); /* anything else; returns an exit code, CLI_OK to go on */
    void *user;
    char letter;      /* -letter too; 0 = none */
    bool may_be_auto; /* a number may be "auto": LTM_AUTO */
};

struct command_line {
    const char *command, *usage;
    const char *const *keys; /* beginnings of the keys that settings may name and the help lists; NULL = none listed */
    const struct cli_option *options;
};

/* Take the options; optind is then the first argument. CLI_GO_ON, or what to exit with: CLI_OK once --help was answered. */
int options_read(const struct command_line *line, int argc, char **argv);

struct cli_arguments {
    char **paths, **settings; /* settings: name=value */
    int path_count, setting_count;
};

/* The same, and then the arguments, which may stand in any order. Settings whose name is an option's set that one, with _ for - as
 * well: top_k=40. The others must name one of `keys`, where the command has any. */
int options_read_all(const struct command_line *line, int argc, char **argv, struct cli_arguments *arguments);

/* A whole number, a number or a seed, checked: CLI_OK or CLI_USAGE. `name` is what the user wrote it under. */
int option_number(const char *command, const char *name, const char *text, double least, double most, int64_t *value);
int option_real(const char *command, const char *name, const char *text, double least, double most, double *value);
int option_seed(const char *command, const char *text, uint64_t *value);

/* ---- Settings, and help on what keys there are ---- */

/* Whether an argument is a setting, `name=value`, a name being letters, digits, dots, dashes and underscores; a path is not. */
bool argument_is_setting(const char *argument);

/* Move the paths among the arguments to the front, each kind in its order, and return how many they are. */
int arguments_paths_first(char **arguments, int count);

/* Set every setting, in order. LTM_INVALID as ltm_config_override. */
ltm_status arguments_override(struct ltm_config *config, char **settings, int count, struct ltm_error *error);

/* The same, then the whole configuration checked and resolved. */
ltm_status arguments_configure(struct ltm_config *config, char **settings, int count, struct ltm_error *error);

/* What the checkpoint was trained with, but for what belonged to that machine or that call; what was auto is so again. */
struct ltm_config arguments_checkpoint_config(const struct ltm_model *model);

/* Whether a key, or a setting of one, begins with one of the `prefixes` (a NULL at their end). */
bool arguments_key_wanted(const char *name, const char *const *prefixes);

/* Print the keys that do. */
void arguments_print_keys(const char *const *prefixes);
