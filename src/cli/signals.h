/* What becomes of signals: an interrupt asks the work to end, and what nothing can go on from ends with a sentence. */
#pragma once

#include <signal.h>
#include <stdbool.h>

/* From now on these end as `ltm: SENTENCE`, with exit code 1, in place of a bare signal:
 * - files that are read as memory (corpora, checkpoints) and that another program cuts short, or whose disk fails, are a SIGBUS:
 *   the user learns which file it was;
 * - SentencePiece's threads end the program when they get no memory. */
void cli_explain_fatal_signals(void);

/* From now on SIGINT, SIGTERM, SIGXCPU, SIGUSR1 and, unless it is ignored as by nohup, SIGHUP set the flag that is returned, and print `said` (NULL = nothing); a second one exits at once with
 * CLI_INTERRUPTED. `restart`: reading and writing under way go on; where a person types, an interrupt must end the wait. */
volatile sig_atomic_t *cli_catch_interrupts(const char *said, bool restart);
