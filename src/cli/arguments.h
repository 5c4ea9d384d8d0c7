/* Arguments of the form section.key=value, and help on what keys there are. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "ltm/config.h"
#include "ltm/model.h"

/* Whether an argument is `name=value`, a name being letters, digits, dots, dashes and underscores; a path is not. */
bool argument_is_assignment(const char *argument);

/* Set every assignment among the arguments, in order. LTM_INVALID as ltm_config_override. */
ltm_status arguments_override(struct ltm_config *config, char **arguments, int count, struct ltm_error *error);

/* What the checkpoint was trained with, but for what belonged to that machine or that call; what was auto is so again. */
struct ltm_config arguments_checkpoint_config(const struct ltm_model *model);

/* Print all keys, those that begin with one of the `prefixes` (a NULL at their end; NULL for all keys). */
void arguments_print_keys(const char *const *prefixes);

#endif
