/* Arguments that are no options: paths, and settings of the form section.key=value; and help on what keys there are. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "ltm/config.h"
#include "ltm/model.h"

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

#endif
