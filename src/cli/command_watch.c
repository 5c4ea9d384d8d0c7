/* ltm watch */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ltm/follow.h"
#include "options.h"
#include "signals.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm watch RUN [--every SECONDS] [--once]\n"
    "\n"
    "Follows a run until it ends or Ctrl-C: the curve of its training loss (.) and held-out bounds (o), rates and the time\n"
    "left. RUN is its folder; a run that has not started is waited for, a finished one is shown. On a terminal the picture\n"
    "is redrawn in place; otherwise each change prints a line.\n"
    "  --every SECONDS        time between updates (2)\n"
    "  --once                 show the current state and exit\n";

enum { ROWS = 12, COLUMNS_MOST = LTM_RUN_POINTS, LABEL = 9, SECONDS_MOST = 3600 };

struct plot {
    char cell[ROWS][COLUMNS_MOST];
    int columns;
    double low, high; /* nats a token: of the lowest row and of the highest */
};

static int by_value(double value, const struct plot *p) {
    return (int)lround((p->high - value) / (p->high - p->low) * (ROWS - 1));
}

static void put_curve(struct plot *p, const struct ltm_run_point *point, int count, double steps, char mark) {
    for (int i = 0; i < count; i++) {
        if (!isfinite(point[i].value) || point[i].value > p->high) continue; /* the first steps are far above */
        const int column = (int)(point[i].step / steps * (p->columns - 1));
        const int row = by_value(point[i].value, p);
        if (row >= 0 && row < ROWS && column >= 0 && column < p->columns) p->cell[row][column] = mark;
    }
}

/* From the lowest point to the highest after the first eighth of the curve. */
static void find_range(struct plot *p, const struct ltm_run_point *point, int count) {
    for (int i = 0; i < count; i++) {
        if (!isfinite(point[i].value)) continue;
        p->low = fmin(p->low, point[i].value);
        if (i >= count / 8) p->high = fmax(p->high, point[i].value);
    }
}

static int put_plot(const struct ltm_run_view *v) {
    struct plot p = {.columns = cli_columns() - LABEL - 3, .low = INFINITY, .high = -INFINITY};
    if (p.columns > COLUMNS_MOST) p.columns = COLUMNS_MOST;
    if (p.columns < 8 || v->losses == 0) return 0;
    memset(p.cell, ' ', sizeof p.cell);
    find_range(&p, v->loss_curve, v->losses);
    find_range(&p, v->bound_curve, v->bounds);
    if (!(p.high > p.low)) p.high = p.low + 1;
    const double steps = (double)(v->steps > v->step ? v->steps : v->step);
    put_curve(&p, v->loss_curve, v->losses, steps, '.');
    put_curve(&p, v->bound_curve, v->bounds, steps, 'o');
    for (int row = 0; row < ROWS; row++) {
        char label[32] = "";
        if (row == 0 || row == ROWS - 1) snprintf(label, sizeof label, "%.4f", row ? p.low : p.high);
        printf("%*s |%.*s\n", LABEL, label, p.columns, p.cell[row]);
    }
    return ROWS;
}

static const char *phase_name(int phase) {
    static const char *const names[] = {"not started", "training", "stopped", "done"};
    return phase >= 0 && phase <= LTM_RUN_DONE ? names[phase] : "";
}

/* Two lines, or one; returns how many. */
static int put_figures(const struct ltm_run_view *v, bool one_line) {
    char text[512];
    char count[32];
    char rate[32];
    char left[32];
    cli_quantity(count, sizeof count, (double)v->tokens);
    int used = snprintf(text, sizeof text, "%s", phase_name(v->phase));
    if (v->phase != LTM_RUN_AWAITED) {
        cli_quantity(rate, sizeof rate, v->tokens_per_second);
        cli_duration(left, sizeof left, v->phase == LTM_RUN_TRAINS ? v->seconds_left : v->seconds);
        used += snprintf(text + used, sizeof text - (size_t)used,
                         ", step %lld of %lld, %s %s, %s a second, %s %s, rate %.3g%sloss %.4f", (long long)v->step,
                         (long long)v->steps, count, v->solver ? "cells" : "tokens", rate, left,
                         v->phase == LTM_RUN_TRAINS ? "left" : "trained", v->lr, one_line ? ", " : "\n", v->loss);
        if (isfinite(v->best_bound)) /* runs on preferences have none */
            used += snprintf(text + used, sizeof text - (size_t)used, ", bound %.4f, best %.4f at step %lld", v->bound,
                             v->best_bound, (long long)v->best_step);
        if (isfinite(v->best_exact))
            used +=
                snprintf(text + used, sizeof text - (size_t)used, ", puzzles whole %.1f %%, best %.1f %% at step %lld",
                         100 * v->exact, 100 * v->best_exact, (long long)v->best_step);
        if (isfinite(v->bits_per_byte))
            snprintf(text + used, sizeof text - (size_t)used, " (%.4f bits a byte)", v->bits_per_byte);
    }
    int lines = 1;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), lines++) {
        if (!one_line) cli_cut_to_width(line, cli_columns() - 1);
        cli_print_line(stdout, "%s", line);
    }
    return lines - 1;
}

static bool changed(const struct ltm_run_view *a, const struct ltm_run_view *b) {
    return a->phase != b->phase || a->step != b->step || a->scores != b->scores;
}

static int watch(const char *run, double every, bool once) {
    const bool terminal = isatty(STDOUT_FILENO) && cli_on_terminal();
    const volatile sig_atomic_t *stop = cli_catch_interrupts(NULL, true);
    static struct ltm_run_view view;
    static struct ltm_run_view shown;
    struct ltm_error error = {0};
    shown.phase = -1;
    for (int lines = 0; !*stop;) {
        const double began = cli_seconds();
        if (ltm_run_look(run, &view, &error) != LTM_OK) return cli_fail(&error);
        if (changed(&view, &shown)) {
            if (terminal && lines) printf("\033[%dA\033[J", lines);
            lines = (terminal || once ? put_plot(&view) : 0) + put_figures(&view, !terminal && !once);
            fflush(stdout);
            shown = view;
        }
        if (once || view.phase >= LTM_RUN_STOPPED) return CLI_OK;
        cli_nap(fmax(every, 20 * (cli_seconds() - began)), stop); /* a long log takes a while to read */
    }
    return CLI_INTERRUPTED;
}

int command_watch(int argc, char **argv) {
    double every = 2;
    bool once = false;
    const struct cli_option options[] = {
        {"every", .real = &every, .least = 0.1, .most = SECONDS_MOST}, {"once", .on = &once}, {0}};
    const struct command_line line = {"watch", usage, NULL, options};
    const int code = options_read(&line, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (optind + 1 != argc) return cli_usage("watch", "name the folder of one run");
    return watch(argv[optind], every, once);
}
