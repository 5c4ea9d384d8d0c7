/* What the user sees: exit codes, error lines, progress. Results go to stdout, everything here to stderr.
 *
 *     struct cli_bar bar;
 *     struct ltm_watch watch = cli_watch(&bar);
 *     status = ltm_corpus_build(&options, &watch, &info, &error);
 *     cli_bar_end(&bar);
 *     if (status != LTM_OK) return cli_fail(&error);
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ltm/status.h"
#include "ltm/watch.h"

enum cli_exit { CLI_GO_ON = -1 /* no exit yet */, CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

/* Join the processes that mpirun or srun started together with this one (ltm/processes.h), once the command line is parsed. From
 * then on only the first prints, on either stream. */
ltm_status cli_join(struct ltm_error *error);

/* From now on print no results and no progress, only errors. */
void cli_be_quiet(void);

/* Messages and results go through these: a line with its newline, made printable (ltm/printable.h), since file names and words of
 * the command line may contain terminal control characters. cli_complain prints "ltm: " first, on stderr. */
void cli_print_line(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print `ltm: SENTENCE` and return the exit code: CLI_INTERRUPTED for LTM_INTERRUPTED, else CLI_FAILED. */
int cli_fail(const struct ltm_error *error);
int cli_no_memory(void);

/* For an invalid command line: print `ltm COMMAND: SENTENCE (see ltm COMMAND --help)`, return
 * CLI_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Progress: on a terminal one line, drawn in place with a bar and the time left; elsewhere plain lines, one
 * about every ten seconds and one at the end of a piece of work that took longer than a second. */
struct cli_bar {
    bool terminal;                  /* stderr is a terminal, and not a dumb one */
    bool drawn;                     /* a line is shown that the next output must replace */
    char what[64];                  /* the current piece of work */
    double begun, first, last_done; /* when it began, and from where; its last progress */
    double shown;                   /* when it was last shown */
    double draw_every, lines_every; /* seconds; a caller may change them after cli_watch */
};

/* Set up `bar` (which must outlive the watch) and return the watch that draws on it. */
struct ltm_watch cli_watch(struct cli_bar *bar);

/* Show progress if it is time to, as the watch does. */
void cli_bar_progress(struct cli_bar *bar, const struct ltm_progress *progress);

/* Print a line of its own above the bar. */
void cli_bar_line(struct cli_bar *bar, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Erase the bar, before other output follows. */
void cli_bar_end(struct cli_bar *bar);

/* Whether stderr is a terminal, and not a dumb one; its columns, 80 if unknown. */
bool cli_on_terminal(void);
int cli_columns(void);

/* Sleep until the time is over or `stop` is set. */
void cli_nap(double seconds, const volatile sig_atomic_t *stop);

double cli_seconds(void); /* of a monotonic clock */

/* Cut `text` to `width` columns, never inside a UTF-8 character (all that the program prints are one column wide). */
void cli_cut_to_width(char *text, int width);

/* "9 s", "1:23", "1:02:03", "3 d 4 h" */
void cli_duration(char *text, size_t size, double seconds);

enum { CLI_NUMBER = 48 };

/* 1234567 → "1.23 M" (k, M, G, T, then powers of ten; three digits). */
void cli_quantity(char *text, size_t size, double value);

/* `digits` digits after the point, or a power of ten from 1e15 on (such values may come from files). Returns text. */
const char *cli_fixed(char text[CLI_NUMBER], int digits, double value);

/* "3.1416 ± 0.0021"; only the value if the error is not finite, as for a single sequence. Returns text. */
const char *cli_with_error(char text[2 * CLI_NUMBER + 8], int digits, double value, double error);
