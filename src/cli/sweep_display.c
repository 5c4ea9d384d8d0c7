#include "sweep_display.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ltm/printable.h"
#include "terminal.h"

enum { LINE = 512, NAME_WIDTH = 44 };

struct sweep_display sweep_display_new(void) {
    const char *term = getenv("TERM");
    return (struct sweep_display){.terminal = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0};
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void sweep_display_end(struct sweep_display *display) {
    if (display->drawn) fprintf(stderr, "\x1b[%dA\r\x1b[J", display->drawn);
    display->drawn = 0;
    fflush(stderr);
}

void sweep_display_message(void *user, const char *line) {
    struct sweep_display *display = user;
    sweep_display_end(display);
    cli_print_line(stderr, "%s", line);
    display->shown = display->terminal ? 0 : display->shown; /* draw again at once */
}

static void format_cell(char line[LINE], const struct ltm_sweep_running *r) {
    char rate[32];
    char number[3][CLI_NUMBER];
    char bound[CLI_NUMBER + 8] = "";
    if (r->scoring) {
        snprintf(line, LINE, "  %-*s taking its scores", NAME_WIDTH, r->name);
        return;
    }
    if (r->step == 0) {
        snprintf(line, LINE, "  %-*s beginning", NAME_WIDTH, r->name);
        return;
    }
    if (isfinite(r->bound)) snprintf(bound, sizeof bound, "  bound %s", cli_fixed(number[0], 3, r->bound));
    cli_quantity(rate, sizeof rate, r->tokens_per_second);
    snprintf(line, LINE, "  %-*s %3d%%  recon %s  KL %s%s  %s tokens/s", NAME_WIDTH, r->name,
             r->steps > 0 ? (int)fmax(0, fmin(100, 100.0 * (double)r->step / (double)r->steps)) : 0,
             cli_fixed(number[1], 3, r->recon), cli_fixed(number[2], 3, r->kl), bound, rate);
}

static void format_whole(char line[LINE], const struct ltm_sweep_progress *p) {
    char left[64] = "";
    char time[32];
    char failed[48] = "";
    char elsewhere[64] = "";
    const int share = p->flops > 0 ? (int)(100 * fmin(p->flops_done / p->flops, 1)) : 100;
    if (isfinite(p->seconds_left) && !p->stopping) {
        cli_duration(time, sizeof time, p->seconds_left);
        snprintf(left, sizeof left, ", about %s left", time);
    }
    if (p->failed) snprintf(failed, sizeof failed, ", %zu failed", p->failed);
    if (p->elsewhere) snprintf(elsewhere, sizeof elsewhere, ", %zu run by another process", p->elsewhere);
    snprintf(line, LINE, "%s %3d%% of the work, %zu of %zu cells done%s%s%s", p->stopping ? "stopping" : "sweep", share,
             p->done, p->cells, failed, elsewhere, p->stopping ? ", waiting for checkpoints" : left);
}

static void put_line(struct sweep_display *display, const char *line) {
    char shown[LINE];
    ltm_printable(shown, sizeof shown, line);
    if (display->terminal) cli_cut_to_width(shown, cli_columns() - 1);
    fprintf(stderr, "%s\n", shown);
    if (display->terminal) display->drawn++;
}

void sweep_display_progress(void *user, const struct ltm_sweep_progress *progress) {
    struct sweep_display *display = user;
    const double time = now();
    const double every = display->terminal ? 0.2 : 30;
    char line[LINE];
    if (display->shown == 0 && !display->terminal) display->shown = time; /* short work makes no lines */
    if (time - display->shown < every) return;
    display->shown = time;
    sweep_display_end(display);
    for (size_t i = 0; i < progress->running_count; i++) {
        format_cell(line, &progress->running[i]);
        put_line(display, line);
    }
    format_whole(line, progress);
    put_line(display, line);
    fflush(stderr);
}
