/* ltm_sweep: a study's cells, each in its own process, several at a time. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/progress.h"
#include "lab/cell_log.h"
#include "lab/format_numbers.h"
#include "lab/study_folder.h"
#include "lab/study_results.h"
#include "ltm/names.h"

extern char **environ;

/* A cell of this shard. */
struct task {
    struct study_cell *cell;
    double work;    /* floating-point operations, scores included */
    bool elsewhere; /* claimed by another process when last checked */
    double look_at; /* do not check again before */
};

struct job {
    struct task *task; /* NULL: a free slot */
    pid_t pid;
    struct cell_log log;
};

struct sweep {
    struct ltm_study *study;
    const struct ltm_sweep_options *options;
    const struct ltm_sweep_hooks *hooks;
    struct task *tasks; /* the largest first */
    size_t task_count;
    struct job *jobs;
    struct ltm_sweep_running *running; /* [job_count], for the hook */
    int job_count, alive[2];           /* cells' standard input; its end of file means that this process is gone */
    int folder;                        /* held while the sweep runs there, or -1 */
    bool stopping;
    double began, before; /* when; operations done by then */
};

/* ---- Setting up ---- */

static int by_rank(const void *a, const void *b) {
    const struct task *x = a;
    const struct task *y = b;
    return x->cell->rank < y->cell->rank ? -1 : x->cell->rank > y->cell->rank;
}

/* The cells of the shard. Large ones first, so that none runs alone at the end. */
static ltm_status make_tasks(struct sweep *w, struct ltm_error *error) {
    struct ltm_study *s = w->study;
    PASS_UP(NEW_ARRAY(w->tasks, s->cell_count, "cells", error));
    for (size_t i = 0; i < s->cell_count; i++) {
        struct study_cell *cell = &s->cells[i];
        if (!study_in_shard(cell, w->options)) continue;
        study_cell_retry(cell);
        w->tasks[w->task_count++] = (struct task){.cell = cell, .work = study_cell_work(cell)};
    }
    qsort(w->tasks, w->task_count, sizeof *w->tasks, by_rank);
    return LTM_OK;
}

static ltm_status check_options(const struct ltm_sweep_options *o, struct ltm_error *error) {
    if (!o->command || !o->command[0]) return fail(error, LTM_INVALID, "ltm_sweep needs the command that runs a cell");
    if (o->shards < 0 || (o->shards > 0 && (o->shard < 1 || o->shard > o->shards)))
        return fail(error, LTM_INVALID, "there is no shard %d of %d; shards are counted from 1", o->shard, o->shards);
    return LTM_OK;
}

static ltm_status set_up(struct sweep *w, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    TRY(check_options(w->options, error));
    TRY(study_folder_begin(w->study, &w->folder, error));
    TRY(make_tasks(w, error));
    w->job_count = study_jobs(w->study, w->options);
    TRY(NEW_ARRAY(w->jobs, (size_t)w->job_count, "jobs", error));
    TRY(NEW_ARRAY(w->running, (size_t)w->job_count, "jobs", error));
    if (pipe2(w->alive, O_CLOEXEC) != 0) {
        w->alive[0] = w->alive[1] = -1;
        status = fail(error, LTM_IO, "cannot make a pipe: %s", strerror(errno));
    }
cleanup:
    return status;
}

/* ---- Start and end of cells ---- */

/* Whether some process works on the cell now. It may start just after: then ours finds it busy. */
static bool is_claimed(const struct study_cell *cell) {
    char path[LTM_PATH_MAX];
    if (study_cell_path(path, cell, ".claim", NULL) != LTM_OK) return false;
    const int claim = open(path, O_RDWR | O_CLOEXEC);
    if (claim < 0) return false;
    const bool claimed = flock(claim, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(claim);
    return claimed;
}

static ltm_status spawn(struct sweep *w, struct job *job, struct task *task, struct ltm_error *error) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    char output[LTM_PATH_MAX];
    char cell_option[] = "--cell";
    size_t count = 0;
    char **argv = NULL;
    while (w->options->command[count]) count++;
    PASS_UP(folder_create(task->cell->config.run.dir, error));
    PASS_UP(study_cell_path(output, task->cell, "output.txt", error));
    PASS_UP(NEW_ARRAY(argv, count + 3, "a command", error));
    for (size_t i = 0; i < count; i++) argv[i] = (char *)w->options->command[i];
    argv[count] = cell_option;
    argv[count + 1] = task->cell->name;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, w->alive[0], STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0666);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    /* Its own process group: this process passes a keyboard interrupt on, once. */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    const int number = posix_spawn(&job->pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(argv);
    if (number) return fail(error, LTM_IO, "cannot start %s: %s", w->options->command[0], strerror(number));
    job->task = task;
    cell_log_begin(&job->log, task->cell);
    return LTM_OK;
}

static void tell_end(const struct sweep *w, const struct study_cell *cell) {
    if (cell->status == LTM_CELL_FAILED)
        watch_message(&w->hooks->watch, "%s failed: %s", cell->name, cell->failure ? cell->failure : "");
    if (cell->status != LTM_CELL_DONE) return;
    const bool solves = cell->config.model.kind == LTM_MODEL_SOLVER;
    const double unit = solves ? 100 : 1;
    const json_t *columns = json_object_get(cell->result, "columns");
    const json_t *mean = json_object_get(columns, solves ? "exact" : "bound");
    const json_t *error = json_object_get(columns, solves ? "exact_stderr" : "bound_stderr");
    char text[FORMAT_WITH_ERROR];
    format_with_error(text, unit * json_number_value(mean),
                      json_is_number(error) ? unit * json_number_value(error) : NAN);
    watch_message(&w->hooks->watch, solves ? "%s done: %s %% of puzzles whole" : "%s done: bound %s nats a token",
                  cell->name, text);
}

/* Start cells in free slots, skipping those of other processes. */
static ltm_status start_cells(struct sweep *w, struct ltm_error *error) {
    int place = 0;
    const double now = seconds_now();
    for (size_t i = 0; i < w->task_count && !w->stopping; i++) {
        struct task *task = &w->tasks[i];
        bool ours = false;
        while (place < w->job_count && w->jobs[place].task) place++;
        if (place == w->job_count) return LTM_OK;
        for (int j = 0; j < w->job_count; j++) ours = ours || w->jobs[j].task == task;
        if (ours || task->cell->status != LTM_CELL_WAITING || task->look_at > now) continue;
        PASS_UP(study_cell_refresh(task->cell, w->study, error));
        task->elsewhere = false;
        if (task->cell->status != LTM_CELL_WAITING) {
            tell_end(w, task->cell);
            continue;
        }
        if (is_claimed(task->cell)) {
            task->elsewhere = true;
            task->look_at = now + 1;
            continue;
        }
        PASS_UP(spawn(w, &w->jobs[place], task, error));
    }
    return LTM_OK;
}

/* Failed without a message: it crashed, or its disk is full. */
static void give_up(struct study_cell *cell, const char *sentence, bool keep) {
    char path[LTM_PATH_MAX];
    free(cell->failure);
    cell->failure = strdup(sentence);
    cell->status = LTM_CELL_FAILED;
    if (keep && study_cell_path(path, cell, "error.txt", NULL) == LTM_OK) (void)file_write_text(path, sentence, NULL);
}

static ltm_status end_cell(struct sweep *w, struct job *job, int how, struct ltm_error *error) {
    struct task *task = job->task;
    struct study_cell *cell = task->cell;
    char sentence[1400];
    job->task = NULL;
    ltm_status status = study_cell_refresh(cell, w->study, error);
    if (status != LTM_OK) return status;
    if (cell->status == LTM_CELL_WAITING && WIFEXITED(how) && WEXITSTATUS(how) == LTM_CELL_BUSY_EXIT) {
        task->elsewhere = true;
        task->look_at = seconds_now() + 1;
        return LTM_OK;
    }
    if (cell->status == LTM_CELL_WAITING && !w->stopping) {
        if (WIFSIGNALED(how))
            snprintf(sentence, sizeof sentence, "its process was killed by signal %d (%s); see %.900s/output.txt",
                     WTERMSIG(how), strsignal(WTERMSIG(how)), cell->config.run.dir);
        else
            snprintf(sentence, sizeof sentence, "its process ended with exit code %d; see %.900s/output.txt",
                     WEXITSTATUS(how), cell->config.run.dir);
        /* It was stopped by itself on purpose: leave it, and do not record it as failed. */
        give_up(cell, sentence, !(WIFEXITED(how) && WEXITSTATUS(how) == 130));
    }
    tell_end(w, cell);
    return study_results_write(w->study, error);
}

static ltm_status reap(struct sweep *w, struct ltm_error *error) {
    for (int j = 0; j < w->job_count; j++) {
        int how;
        if (!w->jobs[j].task || waitpid(w->jobs[j].pid, &how, WNOHANG) != w->jobs[j].pid) continue;
        PASS_UP(end_cell(w, &w->jobs[j], how, error));
    }
    return LTM_OK;
}

/* ---- Progress ---- */

static double work_done(const struct sweep *w, double *in_all) {
    double done = 0;
    *in_all = 0;
    for (size_t i = 0; i < w->task_count; i++) {
        *in_all += w->tasks[i].work;
        if (w->tasks[i].cell->status != LTM_CELL_WAITING) done += w->tasks[i].work;
    }
    for (int j = 0; j < w->job_count; j++) {
        const struct job *job = &w->jobs[j];
        if (job->task && job->log.running.steps > 0)
            done += job->task->cell->flops_per_token * (double)job->task->cell->tokens * (double)job->log.running.step /
                    (double)job->log.running.steps;
    }
    return done;
}

static void show(struct sweep *w) {
    struct ltm_sweep_progress p = {.cells = w->task_count, .running = w->running, .stopping = w->stopping};
    if (!w->hooks->on_progress) return;
    for (int j = 0; j < w->job_count; j++) {
        if (!w->jobs[j].task) continue;
        cell_log_follow(&w->jobs[j].log);
        w->running[p.running_count++] = w->jobs[j].log.running;
    }
    for (size_t i = 0; i < w->task_count; i++) {
        p.done += w->tasks[i].cell->status == LTM_CELL_DONE;
        p.failed += w->tasks[i].cell->status == LTM_CELL_FAILED;
        p.elsewhere += w->tasks[i].cell->status == LTM_CELL_WAITING && w->tasks[i].elsewhere;
    }
    p.flops_done = work_done(w, &p.flops);
    const double seconds = seconds_now() - w->began;
    const double made = p.flops_done - w->before;
    p.seconds_left = seconds > 3 && made > 0 ? (p.flops - p.flops_done) / made * seconds : NAN;
    w->hooks->on_progress(w->hooks->user, &p);
}

/* ---- The whole ---- */

static bool is_over(const struct sweep *w) {
    for (int j = 0; j < w->job_count; j++)
        if (w->jobs[j].task) return false;
    for (size_t i = 0; i < w->task_count && !w->stopping; i++)
        if (w->tasks[i].cell->status == LTM_CELL_WAITING) return false;
    return true;
}

static void stop_cells(struct sweep *w) {
    w->stopping = true;
    for (int j = 0; j < w->job_count; j++)
        if (w->jobs[j].task) kill(w->jobs[j].pid, SIGTERM);
}

static ltm_status run(struct sweep *w, struct ltm_error *error) {
    double in_all;
    w->began = seconds_now();
    w->before = work_done(w, &in_all);
    PASS_UP(study_results_write(w->study, error));
    while (!is_over(w)) {
        if (!w->stopping && w->hooks->stop && *w->hooks->stop) stop_cells(w);
        PASS_UP(reap(w, error));
        PASS_UP(start_cells(w, error));
        show(w);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return study_results_write(w->study, error);
}

/* After a failure of the sweep itself: its cells save checkpoints and stop. */
static void tear_down(struct sweep *w) {
    if (w->jobs) stop_cells(w);
    for (int j = 0; w->jobs && j < w->job_count; j++)
        while (w->jobs[j].task && waitpid(w->jobs[j].pid, NULL, 0) < 0 && errno == EINTR) {
        }
    if (w->alive[0] >= 0) close(w->alive[0]);
    if (w->alive[1] >= 0) close(w->alive[1]);
    if (w->folder >= 0) close(w->folder);
    free(w->running);
    free(w->jobs);
    free(w->tasks);
}

ltm_status ltm_sweep(struct ltm_study *study, const struct ltm_sweep_options *options,
                     const struct ltm_sweep_hooks *hooks, struct ltm_sweep_result *result, struct ltm_error *error) {
    static const struct ltm_sweep_hooks silent;
    struct sweep w = {
        .study = study, .options = options, .hooks = hooks ? hooks : &silent, .alive = {-1, -1}, .folder = -1};
    struct ltm_sweep_result counts = {0};
    ltm_status status = set_up(&w, error);
    if (status == LTM_OK) status = run(&w, error);
    counts.cells = w.task_count;
    for (size_t i = 0; i < w.task_count; i++) {
        counts.done += w.tasks[i].cell->status == LTM_CELL_DONE;
        counts.failed += w.tasks[i].cell->status == LTM_CELL_FAILED;
    }
    snprintf(counts.results, sizeof counts.results, "%.1000s/results.csv", study->dir);
    if (result) *result = counts;
    if (status == LTM_OK && counts.done + counts.failed < counts.cells)
        status =
            fail(error, LTM_INTERRUPTED, "stopped with %zu of %zu cell%s done; the same command resumes from there",
                 counts.done, counts.cells, ltm_plural((long long)counts.cells));
    tear_down(&w);
    return status;
}
