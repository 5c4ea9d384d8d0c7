/* ltm sweep */
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "arguments.h"
#include "commands.h"
#include "json_output.h"
#include "ltm/processes.h"
#include "ltm/sweep.h"
#include "options.h"
#include "sweep_display.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm sweep STUDY.ini [section.key=value …] [--shard I/N] [--jobs N] [--dry-run] [--json]\n"
    "\n"
    "Trains and scores every cell of a study: all combinations of the values in [axes], each from the same base\n"
    "configuration, with the same budget. Writes results.csv, one row a cell, into the study's folder. The same\n"
    "command goes on where it was stopped or killed: finished cells are not repeated, a cut one goes on to the same\n"
    "result, values may be added to axes. An interrupt (Ctrl-C) ends every cell with a checkpoint.\n"
    "  --dry-run              say how many cells, how much compute and about how long, list them, and stop\n"
    "  --jobs N               cells at once (study.jobs)\n"
    "  --shard I/N            do the I-th of N parts of about equal work: one study on several machines that share "
    "its\n"
    "                         folder. Without it, too, no two processes run the same cell; the file system must\n"
    "                         keep flock between the machines (NFS does; Lustre mounted with flock does)\n"
    "  --cell NAME            run this cell alone, here and now (what sweep starts for each)\n"
    "  --supervised           with --cell: stop when standard input ends\n"
    "  --json                 print the result as JSON\n"
    "\n"
    "A study:\n"
    "  [study]\n"
    "  base = micro.ini       the configuration every cell starts from; relative to the study's file\n"
    "  dir = runs/width       the study's folder (runs/ and the study's name)\n"
    "  seeds = 1              run.seed of every cell\n"
    "  corner_seeds = 1 2     of cells that have the first or last value of every axis\n"
    "  keep = best            which checkpoint is scored: best (by held-out bound) or last\n"
    "  threads = 1            of a cell\n"
    "  jobs = auto            cells at once; auto = the cores by threads\n"
    "  [budget]               of each cell; a list makes cells for each value (the base's run.tokens)\n"
    "  tokens = 1M 4M\n"
    "  flops = 2e13           of training, (2 fast.steps + 3) forward passes a token: runs of equal compute\n"
    "  [axes]                 keys of ltm train; lists, or ranges: 1..4, 0..96+24, 1..16*2\n"
    "  model.dim/model.heads = 64/2 128/4\n"
    "  latent.count = 0 8 24\n"
    "  [scores]               keys eval.* of ltm eval, further corpora, tasks of ltm fewshot\n"
    "  eval.iwae = 16\n"
    "  corpus.wiki = PATH     columns wiki:bound, wiki:bound_stderr, …\n"
    "  fewshot.tasks = PATH … columns TASK:METRIC; with fewshot.shots (a list), limit, draws and samples\n";

struct arguments {
    const char *study, *cell;
    const char **settings; /* section.key=value */
    size_t count;
    struct ltm_sweep_options options;
    bool dry_run, json, supervised;
};

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    if (stop && number == SIGXCPU) return;
    if (stop) _exit(CLI_INTERRUPTED); /* cells see their standard input end, and stop */
    stop = 1;
}

static void catch_signals(void) { cli_catch_stops(on_signal, SA_RESTART); }

/* ---- One cell ---- */

struct cell_display {
    struct cli_bar bar;
    struct ltm_watch watch;
    bool supervised, scoring;
};

static void look_after_parent(const struct cell_display *display) {
    struct pollfd input = {.fd = STDIN_FILENO};
    if (display->supervised && poll(&input, 1, 0) == 1 && (input.revents & (POLLHUP | POLLERR | POLLNVAL))) stop = 1;
    if (stop && display->scoring) _exit(CLI_INTERRUPTED); /* training has its checkpoint; scores are taken anew */
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
    struct cell_display display = {.supervised = a->supervised};
    struct ltm_error error = {0};
    bool busy = false;
    display.watch = cli_watch(&display.bar);
    const struct ltm_watch watch = {.user = &display, .progress = cell_progress, .message = cell_message};
    const struct ltm_cell_hooks hooks = {
        .train = {.watch = watch, .user = &display, .on_step = cell_step, .stop = &stop}, .on_scoring = cell_scoring};
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
        cli_print_line(stderr, "%s: %zu cell%s, all done", ltm_study_dir(study), e->cells, e->cells == 1 ? "" : "s");
        return;
    }
    cli_print_line(
        stderr, "%s: %zu cell%s, %zu done, %zu to do: %s floating-point operations of training and about %s of scores",
        ltm_study_dir(study), e->cells, e->cells == 1 ? "" : "s", e->done, e->left, training, scoring);
    fprintf(stderr, "%d at once with %d thread%s each: about %s, %s\n", e->jobs, e->threads, e->threads == 1 ? "" : "s",
            time,
            e->from_finished ? "at the speed of the cells that are done"
                             : "should cells reach a third of this machine's matrix speed; they will tell");
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

/* Failed cells by name, each with its sentence. */
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
    struct sweep_display display = sweep_display_new();
    const struct ltm_sweep_hooks hooks = {.watch = {.user = &display, .message = sweep_display_message},
                                          .user = &display,
                                          .on_progress = sweep_display_progress,
                                          .stop = &stop};
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
    if (!a->json) cli_print_line(stdout, "%zu of %zu cells done: %s", result.done, result.cells, result.results);
    if (result.failed == 0) return CLI_OK;
    cli_complain("%zu of %zu cells failed, as said above; the same command tries them again", result.failed,
                 result.cells);
    return CLI_FAILED;
}

/* ---- The command line ---- */

static int take_shard(struct ltm_sweep_options *options, const char *text) {
    char rest;
    if (sscanf(text, "%d/%d%c", &options->shard, &options->shards, &rest) == 2 && options->shards >= 1 &&
        options->shard >= 1 && options->shard <= options->shards)
        return CLI_OK;
    return cli_usage("sweep", "--shard wants I/N with I from 1 to N, such as 1/4, not \"%s\"", text);
}

static int take_option(struct arguments *a, int letter, char **argv) {
    long long jobs = 0;
    int code = CLI_OK;
    switch (letter) {
    case 's':
        return take_shard(&a->options, optarg);
    case 'J':
        code = option_number("sweep", "--jobs", optarg, 1, OPTION_THREADS_MOST, &jobs);
        a->options.jobs = (int)jobs;
        return code;
    case 'c':
        a->cell = optarg;
        return CLI_OK;
    case 'd':
        a->dry_run = true;
        return CLI_OK;
    case 'j':
        a->json = true;
        return CLI_OK;
    case 'p':
        a->supervised = true;
        return CLI_OK;
    case ':':
        return cli_usage("sweep", "%s needs a value", argv[optind - 1]);
    default:
        return option_unknown("sweep", argv);
    }
}

/* Started by mpirun or srun, each process does a shard; cells are processes of their own and know nothing of that. */
static void take_launched_shard(struct arguments *a) {
    if (a->options.shards <= 1) {
        a->options.shard = ltm_processes_launched_rank() + 1;
        a->options.shards = ltm_processes_launched();
    }
    if (ltm_processes_launched_rank() > 0) cli_be_quiet();
    ltm_processes_forget();
}

static int run(struct arguments *a) {
    struct ltm_error error = {0};
    struct ltm_study *study = NULL;
    if (ltm_processes_launched() > 1 && !a->cell) take_launched_shard(a);
    if (ltm_study_open(&study, a->study, a->settings, a->count, &error) != LTM_OK) return cli_fail(&error);
    catch_signals();
    const int code = a->cell ? run_cell(study, a) : run_all(study, a);
    ltm_study_close(study);
    return code;
}

int command_sweep(int argc, char **argv) {
    static const struct option long_options[] = {
        {"help", no_argument, NULL, 'h'},        {"json", no_argument, NULL, 'j'},
        {"dry-run", no_argument, NULL, 'd'},     {"supervised", no_argument, NULL, 'p'},
        {"shard", required_argument, NULL, 's'}, {"jobs", required_argument, NULL, 'J'},
        {"cell", required_argument, NULL, 'c'},  {NULL, 0, NULL, 0}};
    struct arguments a = {0};
    int letter;
    int code = CLI_OK;
    while ((letter = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (letter == 'h') {
            fputs(usage, stdout);
            return CLI_OK;
        }
        code = take_option(&a, letter, argv);
        if (code != CLI_OK) return code;
    }
    a.settings = calloc((size_t)argc, sizeof *a.settings);
    if (!a.settings) return cli_no_memory();
    for (int i = optind; i < argc && code == CLI_OK; i++) {
        /* A linked axis has a slash in its name: axes.model.dim/model.heads=64/2. */
        if (a.study && (argument_is_assignment(argv[i]) || (strncmp(argv[i], "axes.", 5) == 0 && strchr(argv[i], '='))))
            a.settings[a.count++] = argv[i];
        else if (!a.study)
            a.study = argv[i];
        else
            code = cli_usage("sweep", "\"%s\" is not of the form section.key=value", argv[i]);
    }
    if (code == CLI_OK && !a.study) code = cli_usage("sweep", "name a study, such as runs/width.ini");
    if (code == CLI_OK) code = run(&a);
    free(a.settings);
    return code;
}
