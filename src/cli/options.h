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
 * Errors are printed, and CLI_USAGE is returned. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/model.h"

enum { OPTION_THREADS_MOST = 4096 };

/* One of the pointers is set: it says what the option takes, and where the value goes. */
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
    const char *const *keys; /* prefixes of the keys that settings may name and the help lists; NULL = none listed */
    const struct cli_option *options;
};

/* Read the options; optind is then the first argument. CLI_GO_ON, or the exit code: CLI_OK after --help. */
int options_read(const struct command_line *line, int argc, char **argv);

struct cli_arguments {
    char **paths, **settings; /* settings: name=value */
    int path_count, setting_count;
};

/* The same, and then the arguments, in any order. A setting named like an option sets that option, with _ allowed for -: top_k=40.
 * The others must name one of `keys`, if the command has any. */
int options_read_all(const struct command_line *line, int argc, char **argv, struct cli_arguments *arguments);

/* A whole number, a number or a seed, checked: CLI_OK or CLI_USAGE. `name` is what the user wrote it under. */
int option_number(const char *command, const char *name, const char *text, double least, double most, int64_t *value);
int option_real(const char *command, const char *name, const char *text, double least, double most, double *value);
int option_seed(const char *command, const char *text, uint64_t *value);

/* ---- Settings, and help on what keys there are ---- */

/* Whether an argument is a setting, `name=value`, a name being letters, digits, dots, dashes and underscores; a path is not. */
bool argument_is_setting(const char *argument);

/* Move the paths among the arguments to the front, keeping the order of each kind, and return the number of paths. */
int arguments_paths_first(char **arguments, int count);

/* Set every setting, in order. LTM_INVALID as ltm_config_override. */
ltm_status arguments_override(struct ltm_config *config, char **settings, int count, struct ltm_error *error);

/* The same, then the whole configuration checked and resolved. */
ltm_status arguments_configure(struct ltm_config *config, char **settings, int count, struct ltm_error *error);

/* The configuration that the checkpoint was trained with, except for settings of that machine or that call; auto is restored. */
struct ltm_config arguments_checkpoint_config(const struct ltm_model *model);

/* The model of the first path, which the caller closes also after a failure, and the configuration above with the settings. */
ltm_status arguments_open_model(struct ltm_model **model, struct ltm_config *config, const struct cli_arguments *a,
                                struct ltm_error *error);

/* Whether a key, or a setting of one, begins with one of the `prefixes` (NULL-terminated). */
bool arguments_key_wanted(const char *name, const char *const *prefixes);

/* Print the keys that begin with one of the prefixes. */
void arguments_print_keys(const char *const *prefixes);
