/* ltm generate --interactive: text and commands, line by line, from a terminal or a pipe. */
#pragma once

#include <signal.h>

#include "ltm/generate.h"

/* Returns when the input ends, or on /quit. `stop` is set by an interrupt: it ends a turn or, at the prompt, the session. */
int generate_interactive(const struct ltm_model *model, const struct ltm_generate_options *options, const char *prompt,
                         volatile sig_atomic_t *stop);
