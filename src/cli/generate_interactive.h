/* ltm generate --interactive: text and commands, line by line, from a terminal or a pipe. */
#pragma once

#include <signal.h>

#include "ltm/generate.h"

/* Begins with the session in the file `state`, where there is one, and leaves it there; NULL = neither. Until the input ends, or /quit. `stop` is set by an interrupt: it ends a turn, or at the prompt the session. */
int generate_interactive(const struct ltm_model *model, const struct ltm_generate_options *options, const char *prompt,
                         const char *state, volatile sig_atomic_t *stop);
