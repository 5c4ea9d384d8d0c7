/* Signals: an interrupt asks the work to stop, and fatal ones end the program with an error message. */
#pragma once

#include <signal.h>
#include <stdbool.h>

/* From now on these print `ltm: SENTENCE` and exit with 1, instead of dying from the signal:
 * - SIGBUS, when another program truncates a memory-mapped file (a corpus, a checkpoint) or its disk fails: the message names
 *   the file;
 * - SentencePiece's threads, which abort when they run out of memory. */
void cli_explain_fatal_signals(void);

/* From now on SIGINT, SIGTERM, SIGXCPU, SIGUSR1 and SIGHUP (unless ignored, as under nohup) set the returned flag and print `said` (NULL = nothing); a second one exits at once with
 * CLI_INTERRUPTED. `restart`: interrupted reads and writes are restarted; without it, an interrupt ends a wait for typed input. */
volatile sig_atomic_t *cli_catch_interrupts(const char *said, bool restart);
