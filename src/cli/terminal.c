#include "terminal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"
#include "ltm/printable.h"
#include "ltm/processes.h"

enum { LINE_MAX_BYTES = 4096, BAR_MAX_BYTES = 512, CELLS_MOST = 24 };

static bool quiet;

void cli_be_quiet(void) {
    quiet = true;
    if (!freopen("/dev/null", "w", stdout)) clearerr(stdout);
}

ltm_status cli_join(struct ltm_error *error) {
    ltm_status status = ltm_processes_start(error);
    if (status == LTM_OK && ltm_processes_rank() > 0) cli_be_quiet();
    return status;
}

/* Only the first process prints an error that all share. */
static bool speaks(void) { return ltm_processes_launched_rank() == 0 || ltm_processes_broken(); }

__attribute__((format(printf, 3, 0))) static void print_line(FILE *to, const char *before, const char *format,
                                                             va_list arguments) {
    char text[LINE_MAX_BYTES];
    char shown[4 * LINE_MAX_BYTES]; /* spelled out, a byte takes up to four */
    vsnprintf(text, sizeof text, format, arguments);
    fprintf(to, "%s%s\n", before, ltm_printable(shown, sizeof shown, text));
}

void cli_print_line(FILE *to, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line(to, "", format, arguments);
    va_end(arguments);
}

void cli_complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line(stderr, "ltm: ", format, arguments);
    va_end(arguments);
}

int cli_no_memory(void) { return cli_fail(&(struct ltm_error){.code = LTM_MEMORY}); }

/* If a command's own allocation failed, the record is unset. */
int cli_fail(const struct ltm_error *error) {
    if (error->code == LTM_OK) return cli_no_memory();
    if (speaks()) cli_complain("%s", *error->message ? error->message : ltm_status_text(error->code));
    return error->code == LTM_INTERRUPTED ? CLI_INTERRUPTED : CLI_FAILED;
}

int cli_usage(const char *command, const char *format, ...) {
    char text[LINE_MAX_BYTES / 2]; /* leaves room for the rest of the line */
    va_list arguments;
    if (!speaks()) return CLI_USAGE;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cli_print_line(stderr, "ltm %s: %s (see ltm %s --help)", command, text, command);
    return CLI_USAGE;
}

void cli_duration(char *text, size_t size, double seconds) {
    if (!(seconds >= 0) || seconds > 1e9) {
        snprintf(text, size, "?");
        return;
    }
    long s = lround(seconds);
    if (s < 60)
        snprintf(text, size, "%ld s", s);
    else if (s < 3600)
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
    else if (s < 100 * 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld d %ld h", s / 86400, s / 3600 % 24);
}

const char *cli_fixed(char text[CLI_NUMBER], int digits, double value) {
    if (fabs(value) < 1e15)
        snprintf(text, CLI_NUMBER, "%.*f", digits, value);
    else
        snprintf(text, CLI_NUMBER, "%.6g", value);
    return text;
}

const char *cli_with_error(char text[2 * CLI_NUMBER + 8], int digits, double value, double error) {
    char number[CLI_NUMBER];
    char of_it[CLI_NUMBER];
    const bool known = isfinite(error);
    snprintf(text, 2 * CLI_NUMBER + 8, "%s%s%s", cli_fixed(number, digits, value), known ? " ± " : "",
             known ? cli_fixed(of_it, digits, error) : "");
    return text;
}

void cli_quantity(char *text, size_t size, double value) {
    static const char *const suffixes[] = {"", " k", " M", " G", " T"};
    const double whole = value;
    size_t step = 0;
    /* 999.6 would be rounded to 1000. */
    while (step < 4 && fabs(value) >= 999.5) {
        value /= 1000;
        step++;
    }
    if (fabs(value) >= 999.5) {
        snprintf(text, size, "%.3g", whole);
        return;
    }
    int digits = step == 0 && value == floor(value) ? 0 : fabs(value) < 9.995 ? 2 : fabs(value) < 99.95 ? 1 : 0;
    snprintf(text, size, "%.*f%s", digits, value, suffixes[step]);
}

double cli_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void cli_nap(double seconds, const volatile sig_atomic_t *stop) {
    const struct timespec part = {.tv_nsec = 50000000};
    for (const double over = cli_seconds() + seconds; cli_seconds() < over && !*stop;) nanosleep(&part, NULL);
}

int cli_columns(void) {
    struct winsize window;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) return window.ws_col;
    return 80;
}

void cli_cut_to_width(char *text, int width) {
    char *at = text;
    while (*at && width-- > 0) {
        uint32_t code;
        const size_t bytes = utf8_character(at, 4, &code);
        at += bytes ? bytes : 1;
    }
    *at = 0;
}

static void erase(struct cli_bar *bar) {
    if (!bar->drawn) return;
    fputs("\r\x1b[K", stderr);
    bar->drawn = false;
}

static void draw(struct cli_bar *bar, const char *text) {
    char line[BAR_MAX_BYTES];
    ltm_printable(line, sizeof line, text);
    cli_cut_to_width(line, cli_columns() - 1); /* the last column would wrap */
    fprintf(stderr, "\r%s\x1b[K", line);
    fflush(stderr);
    bar->drawn = true;
}

/* Seconds left at the speed since this piece of work began; NAN while unknown. */
static double time_left(const struct cli_bar *bar, const struct ltm_progress *progress, double elapsed) {
    double gone = progress->done - bar->first;
    if (!(progress->total > 0) || !(gone > 0) || elapsed < 0.5) return NAN;
    return elapsed * (progress->total - progress->done) / gone;
}

/* " [####....]", shorter in a narrow window to leave room for the figures. */
static void format_cells(char cells[CELLS_MOST + 4], double part) {
    int count = cli_columns() >= 110 ? CELLS_MOST : CELLS_MOST / 3;
    const int full = (int)(part * count);
    char *at = cells;
    *at++ = ' ';
    *at++ = '[';
    for (int i = 0; i < count; i++) *at++ = i < full ? '#' : '.';
    *at++ = ']';
    *at = 0;
}

static void format_progress(const struct cli_bar *bar, const struct ltm_progress *progress, double elapsed, char *text,
                            size_t size) {
    char cells[CELLS_MOST + 4] = "";
    char share[40];
    char time[48] = "";
    char duration[32];
    double part = progress->total > 0 ? progress->done / progress->total : 0;
    part = part >= 0 ? fmin(part, 1) : 0; /* NaN counts as 0 */
    if (progress->total > 0) {
        snprintf(share, sizeof share, "%3d%%", (int)(100 * part));
        if (bar->terminal) format_cells(cells, part);
    } else {
        cli_quantity(share, sizeof share, progress->done);
    }
    double left = time_left(bar, progress, elapsed);
    cli_duration(duration, sizeof duration, part >= 1 ? elapsed : left);
    if (part >= 1)
        snprintf(time, sizeof time, "  in %s", duration);
    else if (isfinite(left))
        snprintf(time, sizeof time, "  %s left", duration);
    snprintf(text, size, "%s%s %s%s%s%s", progress->what, cells, share, time, progress->detail ? "  " : "",
             progress->detail ? progress->detail : "");
}

void cli_bar_progress(struct cli_bar *bar, const struct ltm_progress *progress) {
    if (quiet) return;
    double time = cli_seconds();
    bool fresh = strncmp(bar->what, progress->what, sizeof bar->what - 1) != 0 || progress->done < bar->last_done;
    if (fresh) {
        snprintf(bar->what, sizeof bar->what, "%s", progress->what);
        bar->begun = time;
        bar->first = progress->done;
        if (!bar->terminal) bar->shown = time; /* no lines for short work */
    }
    bool whole = progress->total > 0 && progress->done >= progress->total && (fresh || bar->last_done < progress->done);
    bar->last_done = progress->done;
    double elapsed = time - bar->begun;
    bool due = bar->terminal ? fresh || whole || time - bar->shown >= bar->draw_every
                             : (whole && elapsed >= 1) || time - bar->shown >= bar->lines_every;
    if (!due) return;
    char text[BAR_MAX_BYTES];
    format_progress(bar, progress, elapsed, text, sizeof text);
    bar->shown = time;
    if (bar->terminal)
        draw(bar, text);
    else
        cli_print_line(stderr, "%s", text);
}

void cli_bar_line(struct cli_bar *bar, const char *format, ...) {
    va_list arguments;
    if (quiet) return;
    erase(bar);
    va_start(arguments, format);
    print_line(stderr, "", format, arguments);
    va_end(arguments);
    fflush(stderr);
}

void cli_bar_end(struct cli_bar *bar) {
    erase(bar);
    fflush(stderr);
}

static void watch_progress(void *user, const struct ltm_progress *progress) { cli_bar_progress(user, progress); }

static void watch_message(void *user, const char *line) { cli_bar_line(user, "%s", line); }

bool cli_on_terminal(void) {
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

struct ltm_watch cli_watch(struct cli_bar *bar) {
    *bar = (struct cli_bar){.terminal = cli_on_terminal(), .draw_every = 0.1, .lines_every = 10};
    return (struct ltm_watch){.user = bar, .progress = watch_progress, .message = watch_message};
}
