/* ltm sweep */
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "commands.h"
#include "ltm/names.h"
#include "ltm/printable.h"
#include "ltm/processes.h"
#include "ltm/sweep.h"
#include "options.h"
#include "signals.h"
#include "terminal.h"
#include "text_io.h"

static const char usage[] =
    "usage: ltm sweep STUDY.ini [section.key=value …] [--shard I/N] [--jobs N] [--dry-run] [--json]\n"
    "\n"
    "Trains and scores every cell of a study: all combinations of the values in [axes], each from the same base\n"
    "configuration, with the same budget. Writes results.csv, one row per cell, into the study's folder. The same\n"
    "command resumes a stopped or killed sweep: finished cells are not repeated, interrupted ones resume bit-exactly,\n"
    "and values may be added to axes. An interrupt (Ctrl-C) ends every cell with a checkpoint.\n"
    "  --dry-run              print the number of cells, the compute and a time estimate, list the cells, and stop\n"
    "  --jobs N               cells at once (study.jobs)\n"
    "  --shard I/N            run the I-th of N parts of about equal work: one study on several machines that share its\n"
    "                         folder. Even without it, also under mpirun or srun, no two processes run the same\n"
    "                         cell; the file system must support flock between the machines (NFS does; Lustre does\n"
    "                         if mounted with flock)\n"
    "  --cell NAME            run only this cell, in this process (sweep starts one such process per cell)\n"
    "  --supervised           with --cell: stop when standard input ends\n"
    "  --json                 print the result as JSON\n"
    "\n"
    "A study:\n"
    "  [study]\n"
    "  base = micro.ini       the configuration that every cell starts from; relative to the study's file\n"
    "  dir = runs/width       the study's folder (runs/ and the study's name)\n"
    "  seeds = 1              run.seed of every cell\n"
    "  corner_seeds = 1 2     run.seed of cells with the first or last value of every axis\n"
    "  keep = best            which checkpoint is scored: best (by held-out bound) or last\n"
    "  twin = none            attention: cells of the plain decoder with each window, and with full attention at equal\n"
    "                         tokens and at equal compute; their difference is the headroom, what the past is worth\n"
    "                         to attention (columns headroom_tokens, headroom_compute)\n"
    "  threads = 1            per cell\n"
    "  jobs = auto            cells at once; auto = cores divided by threads\n"
    "  [budget]               per cell; a list makes cells for each value (the base's run.tokens)\n"
    "  tokens = 1M 4M\n"
    "  flops = 2e13           of training, (2 fast.steps + 3) forward passes per token: runs of equal compute\n"
    "  [variants]             cells with settings of their own, each under a name; combined with all axes\n"
    "                         (axes.study.variant=NAME,NAME as a setting runs those alone)\n"
    "  plain =                the base as it is\n"
    "  deep = model.layers=4 slow.lr=0.01\n"
    "  [axes]                 keys of ltm train; lists, or ranges: 1..4, 0..96+24, 1..16*2\n"
    "  model.dim/model.heads = 64/2 128/4\n"
    "  latent.count = 0 8 24\n"
    "  model.loops/fast.steps = 1/8 2/4 4/2   with a constant product\n"
    "  [scores]               keys eval.* of ltm eval, more corpora, tasks of ltm fewshot\n"
    "  eval.iwae = 16\n"
    "  corpus.wiki = PATH     columns wiki:bound, wiki:bound_stderr, …\n"
    "  fewshot.tasks = PATH … columns TASK:METRIC; with fewshot.shots (a list), limit, draws and samples\n"
    "Cells of solvers (model.kind) are scored on test.jsonl of data.corpus, all of it or the first eval.sequences puzzles:\n"
    "columns exact, cells, halted, halted_steps; there corpus.NAME is a file of puzzles.\n";

/* ---- On stderr: one line per running cell and one for the sweep, drawn in place on a terminal, else as plain lines every half minute ---- */

struct sweep_display {
    bool terminal;
    int drawn;    /* lines on the screen */
    double shown; /* when; 0 = not yet */
};

enum { LINE = 512, NAME_WIDTH = 44 };

/* Erase the lines, before other output follows. */
static void sweep_display_end(struct sweep_display *display) {
    if (display->drawn) fprintf(stderr, "\x1b[%dA\r\x1b[J", display->drawn);
    display->drawn = 0;
    fflush(stderr);
}

static void sweep_display_message(void *user, const char *line) {
    struct sweep_display *display = user;
    sweep_display_end(display);
    cli_print_line(stderr, "%s", line);
    display->shown = display->terminal ? 0 : display->shown; /* draw again at once */
}

static void format_cell(char line[LINE], const struct ltm_sweep_running *r) {
    char rate[32];
    char number[3][CLI_NUMBER];
    char bound[CLI_NUMBER + 16] = "";
    if (r->scoring) {
        snprintf(line, LINE, "  %-*s scoring", NAME_WIDTH, r->name);
        return;
    }
    if (r->step == 0) {
        snprintf(line, LINE, "  %-*s starting", NAME_WIDTH, r->name);
        return;
    }
    if (isfinite(r->bound) && r->solver)
        snprintf(bound, sizeof bound, "  whole %s %%", cli_fixed(number[0], 1, 100 * r->bound));
    else if (isfinite(r->bound))
        snprintf(bound, sizeof bound, "  bound %s", cli_fixed(number[0], 3, r->bound));
    cli_quantity(rate, sizeof rate, r->tokens_per_second);
    snprintf(line, LINE, "  %-*s %3d%%  %s %s  %s %s%s  %s %s/s", NAME_WIDTH, r->name,
             r->steps > 0 ? (int)fmax(0, fmin(100, 100.0 * (double)r->step / (double)r->steps)) : 0,
             r->solver ? "nats a cell" : "recon", cli_fixed(number[1], 3, r->recon), r->solver ? "halting" : "KL",
             cli_fixed(number[2], 3, r->kl), bound, rate, r->solver ? "cells" : "tokens");
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
    snprintf(line, LINE, "%s %3d%% of the work, %zu of %zu cell%s done%s%s%s", p->stopping ? "stopping" : "sweep",
             share, p->done, p->cells, ltm_plural((long long)p->cells), failed, elsewhere,
             p->stopping ? ", waiting for checkpoints" : left);
}

static void put_line(struct sweep_display *display, const char *line) {
    char shown[LINE];
    ltm_printable(shown, sizeof shown, line);
    if (display->terminal) cli_cut_to_width(shown, cli_columns() - 1);
    fprintf(stderr, "%s\n", shown);
    if (display->terminal) display->drawn++;
}

/* For struct ltm_sweep_hooks; `user` is the display. */
static void sweep_display_progress(void *user, const struct ltm_sweep_progress *progress) {
    struct sweep_display *display = user;
    const double time = cli_seconds();
    const double every = display->terminal ? 0.2 : 30;
    char line[LINE];
    if (display->shown == 0 && !display->terminal) display->shown = time; /* no lines for short work */
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

struct arguments {
    const char *study, *cell;
    char **settings; /* section.key=value */
    size_t count;
    struct ltm_sweep_options options;
    bool dry_run, json, supervised;
    volatile sig_atomic_t *stop; /* set by an interrupt: cells see the end of their standard input, and stop */
};

/* ---- One cell ---- */

struct cell_display {
    struct cli_bar bar;
    struct ltm_watch watch;
    volatile sig_atomic_t *stop;
    bool supervised, scoring;
};

static void look_after_parent(const struct cell_display *display) {
    struct pollfd input = {.fd = STDIN_FILENO};
    if (display->supervised && poll(&input, 1, 0) == 1 && (input.revents & (POLLHUP | POLLERR | POLLNVAL)))
        *display->stop = 1;
    if (*display->stop && display->scoring)
        _exit(CLI_INTERRUPTED); /* training has its checkpoint; scores will be taken again */
}

static void cell_step(void *user, const struct ltm_train_record *record) {
    struct cell_display *display = user;
    look_after_parent(display);
    cli_bar_progress(&display->bar, &(struct ltm_progress){
                                        .what = "train", .done = (double)record->step, .total = (double)record->steps});
}

static void cell_progress(void *user, const struct ltm_progress *progress) {
    struct cell_display *display = user;
    look_after_parent(display);
    display->watch.progress(display->watch.user, progress);
}

static void cell_message(void *user, const char *line) {
    cli_bar_line(&((struct cell_display *)user)->bar, "%s", line);
}

static void cell_scoring(void *user) { ((struct cell_display *)user)->scoring = true; }

static int run_cell(const struct ltm_study *study, const struct arguments *a) {
    struct cell_display display = {.supervised = a->supervised, .stop = a->stop};
    struct ltm_error error = {0};
    bool busy = false;
    display.watch = cli_watch(&display.bar);
    const struct ltm_watch watch = {.user = &display, .progress = cell_progress, .message = cell_message};
    const struct ltm_cell_hooks hooks = {
        .train = {.watch = watch, .user = &display, .on_step = cell_step, .stop = a->stop}, .on_scoring = cell_scoring};
    ltm_status status = ltm_study_run_cell(study, a->cell, &hooks, &busy, &error);
    cli_bar_end(&display.bar);
    if (status == LTM_OK) return CLI_OK;
    const int code = cli_fail(&error);
    return busy ? (int)LTM_CELL_BUSY_EXIT : code;
}

/* ---- All cells ---- */

static void announce(const struct ltm_study *study, const struct ltm_study_estimate *e) {
    char training[32];
    char scoring[32];
    char time[32] = "?";
    if (isfinite(e->seconds)) cli_duration(time, sizeof time, e->seconds);
    snprintf(training, sizeof training, "%.2e", e->training_flops);
    snprintf(scoring, sizeof scoring, "%.1e", e->scoring_flops);
    if (e->left == 0) {
        cli_print_line(stderr, "%s: %zu cell%s, all done", ltm_study_dir(study), e->cells,
                       ltm_plural((long long)e->cells));
        return;
    }
    cli_print_line(
        stderr, "%s: %zu cell%s, %zu done, %zu to do: %s floating-point operations of training and about %s of scores",
        ltm_study_dir(study), e->cells, ltm_plural((long long)e->cells), e->done, e->left, training, scoring);
    fprintf(
        stderr, "%d at once with %d thread%s each: about %s, %s\n", e->jobs, e->threads, ltm_plural(e->threads), time,
        e->from_finished ? "at the speed of finished cells" : "if cells reach a third of this machine's matrix speed");
}

static void print_cells(const struct ltm_study *study, const struct ltm_sweep_options *options) {
    static const char *const states[] = {"waiting", "done", "failed"};
    int width = 4;
    struct ltm_cell cell;
    const size_t count = ltm_study_cells(study);
    for (size_t i = 0; i < count; i++) {
        ltm_study_cell(study, i, &cell);
        if ((int)strlen(cell.name) > width) width = (int)strlen(cell.name);
    }
    printf("%-*s  %-7s  %10s  %14s  %8s  %10s  %14s\n", width, "cell", "status", "parameters", "latent numbers",
           "tokens", "operations", "a token");
    for (size_t i = 0; i < count; i++) {
        char parameters[32];
        char tokens[32];
        ltm_study_cell(study, i, &cell);
        if (!ltm_cell_in_shard(&cell, options)) continue;
        cli_quantity(parameters, sizeof parameters, (double)cell.parameters);
        cli_quantity(tokens, sizeof tokens, (double)cell.tokens);
        cli_print_line(stdout, "%-*s  %-7s  %10s  %14lld  %8s  %10.3e  %14.3e", width, cell.name, states[cell.status],
                       parameters, (long long)cell.config.model.latents * cell.config.model.dim, tokens,
                       cell.training_flops, cell.training_flops / (double)cell.tokens);
    }
}

static json_t *cells_json(const struct ltm_study *study, const struct ltm_sweep_options *options) {
    static const char *const states[] = {"waiting", "done", "failed"};
    json_t *all = json_array();
    struct ltm_cell cell;
    for (size_t i = 0; i < ltm_study_cells(study); i++) {
        ltm_study_cell(study, i, &cell);
        if (!ltm_cell_in_shard(&cell, options)) continue;
        json_t *one = json_pack("{s:s, s:s, s:I, s:I, s:f, s:f}", "cell", cell.name, "status", states[cell.status],
                                "parameters", (json_int_t)cell.parameters, "tokens", (json_int_t)cell.tokens,
                                "training_flops", cell.training_flops, "scoring_flops", cell.scoring_flops);
        if (*cell.failure) json_object_set_new(one, "error", json_string(cell.failure));
        json_array_append_new(all, one);
    }
    return all;
}

static ltm_status print_json(const struct ltm_study *study, const struct arguments *a,
                             const struct ltm_study_estimate *estimate, const struct ltm_sweep_result *result) {
    json_t *json = json_object();
    json_object_set_new(json, "study", json_string(ltm_study_dir(study)));
    if (result) json_object_set_new(json, "results", json_string(result->results));
    if (!result) {
        json_object_set_new(json, "training_flops", json_real(estimate->training_flops));
        json_object_set_new(json, "scoring_flops", json_real(estimate->scoring_flops));
        json_object_set_new(json, "seconds", isfinite(estimate->seconds) ? json_real(estimate->seconds) : json_null());
    }
    json_object_set_new(json, "cells", cells_json(study, &a->options));
    return cli_print_json(json, 9);
}

/* Failed cells by name, each with its error message. */
static void print_failures(const struct ltm_study *study, const struct ltm_sweep_options *options) {
    struct ltm_cell cell;
    for (size_t i = 0; i < ltm_study_cells(study); i++) {
        ltm_study_cell(study, i, &cell);
        if (!ltm_cell_in_shard(&cell, options)) continue;
        if (cell.status == LTM_CELL_FAILED) cli_print_line(stderr, "%s: %s", cell.name, cell.failure);
    }
}

static int run_all(struct ltm_study *study, struct arguments *a) {
    struct ltm_error error = {0};
    struct ltm_study_estimate estimate;
    struct ltm_sweep_result result;
    char snapshot[LTM_PATH_MAX + 16];
    struct sweep_display display = {.terminal = cli_on_terminal()};
    const struct ltm_sweep_hooks hooks = {.watch = {.user = &display, .message = sweep_display_message},
                                          .user = &display,
                                          .on_progress = sweep_display_progress,
                                          .stop = a->stop};
    ltm_study_estimate(study, &a->options, &estimate);
    announce(study, &estimate);
    if (a->dry_run) {
        if (a->json) return print_json(study, a, &estimate, NULL) == LTM_OK ? CLI_OK : cli_no_memory();
        print_cells(study, &a->options);
        return CLI_OK;
    }
    snprintf(snapshot, sizeof snapshot, "%s/study.ini", ltm_study_dir(study));
    const char *const command[] = {"/proc/self/exe", "sweep", snapshot, "--supervised", NULL};
    a->options.command = command;
    ltm_status status = ltm_sweep(study, &a->options, &hooks, &result, &error);
    sweep_display_end(&display);
    if (status != LTM_OK) return cli_fail(&error);
    print_failures(study, &a->options);
    if (a->json && print_json(study, a, &estimate, &result) != LTM_OK) return cli_no_memory();
    if (!a->json)
        cli_print_line(stdout, "%zu of %zu cell%s done: %s", result.done, result.cells,
                       ltm_plural((long long)result.cells), result.results);
    if (result.failed == 0) return CLI_OK;
    cli_complain("%zu of %zu cell%s failed, see above; the same command tries %s again", result.failed, result.cells,
                 ltm_plural((long long)result.cells), result.failed == 1 ? "it" : "them");
    return CLI_FAILED;
}

/* ---- The command line ---- */

static int take_shard(void *user, const char *text) {
    struct ltm_sweep_options *options = user;
    char rest;
    if (sscanf(text, "%d/%d%c", &options->shard, &options->shards, &rest) == 2 && options->shards >= 1 &&
        options->shard >= 1 && options->shard <= options->shards)
        return CLI_OK;
    return cli_usage("sweep", "--shard takes I/N with I from 1 to N, such as 1/4, not \"%s\"", text);
}

/* Started by mpirun or srun, each process takes cells that no other has, and only the first prints; cells are separate
 * processes and must not see the launcher's environment. */
static void join_launched(void) {
    if (ltm_processes_launched_rank() > 0) cli_be_quiet();
    ltm_processes_forget();
}

static int run(struct arguments *a) {
    struct ltm_error error = {0};
    struct ltm_study *study = NULL;
    if (ltm_processes_launched() > 1 && !a->cell) join_launched();
    if (ltm_study_open(&study, a->study, (const char *const *)a->settings, a->count, &error) != LTM_OK)
        return cli_fail(&error);
    a->stop = cli_catch_interrupts(NULL, true);
    const int code = a->cell ? run_cell(study, a) : run_all(study, a);
    ltm_study_close(study);
    return code;
}

int command_sweep(int argc, char **argv) {
    struct arguments a = {0};
    const struct cli_option options[] = {{"shard", .take = take_shard, .user = &a.options},
                                         {"jobs", .number = &a.options.jobs, .least = 1, .most = OPTION_THREADS_MOST},
                                         {"cell", .text = &a.cell},
                                         {"dry-run", .on = &a.dry_run},
                                         {"supervised", .on = &a.supervised},
                                         {"json", .on = &a.json},
                                         {0}};
    const struct command_line line = {"sweep", usage, NULL, options};
    const int code = options_read(&line, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (optind == argc) return cli_usage("sweep", "name a study, such as runs/width.ini");
    a.study = argv[optind];
    a.settings = argv + optind + 1;
    a.count = (size_t)(argc - optind - 1);
    for (size_t i = 0; i < a.count; i++) /* a linked axis has a slash in its name: axes.model.dim/model.heads=64/2 */
        if (!argument_is_setting(a.settings[i]) &&
            !(strncmp(a.settings[i], "axes.", 5) == 0 && strchr(a.settings[i], '=')))
            return cli_usage("sweep", "\"%s\" is not of the form section.key=value", a.settings[i]);
    return run(&a);
}
