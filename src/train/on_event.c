#include "train/on_event.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/progress.h"

enum { WORDS_MOST = 64, FACTS_MOST = 10, FACT_MOST = 1200 };

static void tell_end(const struct on_event *hook, int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    watch_message(hook->watch, "run.on_event: %s ended with %s %d at the event %s", hook->command,
                  WIFEXITED(status) ? "code" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
                  hook->last);
}

void on_event_wait(struct on_event *hook) {
    const struct timespec nap = {.tv_nsec = 10000000};
    const double until = seconds_now() + EVENT_SECONDS;
    int status = 0;
    if (hook->running == 0) return;
    while (waitpid(hook->running, &status, WNOHANG) == 0) {
        if (seconds_now() < until) {
            nanosleep(&nap, NULL);
            continue;
        }
        watch_message(hook->watch, "run.on_event: %s took more than %d s at the event %s and was killed", hook->command,
                      EVENT_SECONDS, hook->last);
        kill(-hook->running, SIGKILL); /* with what it started */
        waitpid(hook->running, &status, 0);
        status = 0;
        break;
    }
    tell_end(hook, status);
    hook->running = 0;
}

struct environment {
    char facts[FACTS_MOST][FACT_MOST];
    int count;
    char **all;
};

static void put_text(struct environment *e, const char *name, const char *value) {
    if (value) snprintf(e->facts[e->count++], FACT_MOST, "%s=%s", name, value);
}

static void put_count(struct environment *e, const char *name, int64_t value) {
    if (value > 0) snprintf(e->facts[e->count++], FACT_MOST, "%s=%" PRId64, name, value);
}

static void put_real(struct environment *e, const char *name, double value) {
    if (isfinite(value) && value > 0) snprintf(e->facts[e->count++], FACT_MOST, "%s=%.9g", name, value);
}

/* Ours before those that are there: of two of a name the first is read. */
static bool make_environment(struct environment *e, const char *event, const struct event_facts *f) {
    size_t there = 0;
    while (environ && environ[there]) there++;
    e->all = malloc((there + FACTS_MOST + 1) * sizeof *e->all);
    if (!e->all) return false;
    put_text(e, "LTM_EVENT", event);
    put_text(e, "LTM_RUN", f->run);
    put_text(e, "LTM_CHECKPOINT", f->checkpoint);
    put_text(e, "LTM_MESSAGE", f->message);
    put_count(e, "LTM_STEP", f->step);
    put_count(e, "LTM_STEPS", f->steps);
    put_count(e, "LTM_TOKENS", f->tokens);
    put_real(e, "LTM_BOUND", f->bound);
    put_real(e, "LTM_BITS_PER_BYTE", f->bits_per_byte);
    for (int i = 0; i < e->count; i++) e->all[i] = e->facts[i];
    size_t count = (size_t)e->count;
    for (size_t i = 0; i < there; i++)
        if (strncmp(environ[i], "LTM_", 4) != 0) e->all[count++] = environ[i];
    e->all[count] = NULL;
    return true;
}

/* In a group of its own, which the terminal's interrupt does not reach; its output goes where messages do. */
static int spawn(pid_t *child, char **words, char **environment) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    const int failed = posix_spawnp(child, words[0], &files, &attributes, words, environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

/* The words of a command, which they point into; their number. */
static int cut(char *words[WORDS_MOST + 1], char *command) {
    static const char blanks[] = " \t";
    int count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(command, blanks, &rest); word && count < WORDS_MOST;
         word = strtok_r(NULL, blanks, &rest))
        words[count++] = word;
    words[count] = NULL;
    return count;
}

void on_event_tell(struct on_event *hook, const char *event, const struct event_facts *facts) {
    struct environment environment = {.count = 0};
    char *words[WORDS_MOST + 1];
    char *command = strdup(hook->command ? hook->command : "");
    if (command && cut(words, command) > 0 && make_environment(&environment, event, facts)) {
        on_event_wait(hook);
        snprintf(hook->last, sizeof hook->last, "%s", event);
        const int failed = spawn(&hook->running, words, environment.all);
        if (failed) {
            hook->running = 0;
            watch_message(hook->watch, "run.on_event: %s cannot be run: %s", words[0], strerror(failed));
        }
    }
    free(environment.all);
    free(command);
}
