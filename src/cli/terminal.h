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

/* Join the processes that mpirun or srun started together with this one (ltm/processes.h), once the command line is understood. Only
 * the first prints from then on, on either stream. */
ltm_status cli_join(struct ltm_error *error);

/* Show no result and no progress from now on, only errors. */
void cli_be_quiet(void);

/* What is said and what is reported goes through these: a line with its newline, made printable (ltm/printable.h), since names of
 * files and words of the command line may hold what would steer a terminal. cli_complain begins with "ltm: ", on stderr. */
void cli_print_line(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print `ltm: SENTENCE` and return the exit code: CLI_INTERRUPTED for LTM_INTERRUPTED, else CLI_FAILED. */
int cli_fail(const struct ltm_error *error);
int cli_no_memory(void);

/* A command line that cannot be understood: print `ltm COMMAND: SENTENCE (see ltm COMMAND --help)`, return
 * CLI_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Progress: on a terminal one line, drawn in place with a bar and the time left; elsewhere plain lines, one
 * in about ten seconds and one at the end of a piece of work that took longer than a second. */
struct cli_bar {
    bool terminal;                  /* stderr is one, and not a dumb one */
    bool drawn;                     /* a line stands there that the next output must replace */
    char what[64];                  /* the piece of work under way */
    double begun, first, last_done; /* when it began, from where; how far it was last */
    double shown;                   /* when it was last shown */
    double draw_every, lines_every; /* seconds; a caller may change them after cli_watch */
};

/* Set up `bar` (which must outlive the watch) and return the watch that draws on it. */
struct ltm_watch cli_watch(struct cli_bar *bar);

/* Show progress now if it is time to: what the watch does. */
void cli_bar_progress(struct cli_bar *bar, const struct ltm_progress *progress);

/* Print a line of its own above the bar. */
void cli_bar_line(struct cli_bar *bar, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Take the bar away, before other output follows. */
void cli_bar_end(struct cli_bar *bar);

/* Whether stderr is a terminal, and not a dumb one; its columns, 80 where it does not say. */
bool cli_on_terminal(void);
int cli_columns(void);

/* Until the time is over, or `stop` is set, which ends it. */
void cli_nap(double seconds, const volatile sig_atomic_t *stop);

double cli_seconds(void); /* of a clock that is never set back */

/* End `text` before it passes `width` columns, never within a UTF-8 character (all of ours are one wide). */
void cli_cut_to_width(char *text, int width);

/* "9 s", "1:23", "1:02:03", "3 d 4 h" */
void cli_duration(char *text, size_t size, double seconds);

enum { CLI_NUMBER = 48 };

/* 1234567 → "1.23 M" (k, M, G, T, then powers of ten; three digits). */
void cli_quantity(char *text, size_t size, double value);

/* So many digits behind the point, and from 1e15 on, as out of a file, a power of ten. Returns text. */
const char *cli_fixed(char text[CLI_NUMBER], int digits, double value);

/* "3.1416 ± 0.0021"; the value alone where there is no finite error, as there is none of one sequence. Returns text. */
const char *cli_with_error(char text[2 * CLI_NUMBER + 8], int digits, double value, double error);
